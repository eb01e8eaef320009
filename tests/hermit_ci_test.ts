import { TRANSPORT } from "#transport";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runScript } from "./support/cli.ts";
import { qemuTest } from "./support/qemu.ts";
import { STRICT } from "./support/strict.ts";

/**
 * The console and rng rows of Hermit's own CI (its test runner at b0678ba), from their own command lines. Success there is
 * exit status 0, or 3 from isa-debug-exit.
 */

const MAIN = new URL("../main.ts", import.meta.url);
const COMMON = "-display none -smp 1 -m 1024M -global virtio-mmio.force-legacy=off " +
  "-device isa-debug-exit,iobase=0xf4,iosize=0x04";
const MICROVM = "-M microvm,x-option-roms=off,pit=off,pic=off,rtc=on,auto-kernel-cmdline=off,acpi=off " +
  "-nodefaults -no-user-config";
const CONSOLE = "-chardev stdio,id=char0,mux=on -serial chardev:char0";

interface Row {
  name: string;
  app: string;
  line: string;
  input: string;
  expect: RegExp;
}

function rows(): Row[] {
  const machines = TRANSPORT === "pci" ? ["", "-machine q35"] : [MICROVM];
  const [rng, serial] = TRANSPORT === "pci"
    ? ["virtio-rng-pci,disable-legacy=on", "virtio-serial-pci,disable-legacy=on"]
    : ["virtio-rng-device", "virtio-serial-device"];
  return machines.flatMap((machine) => [
    {
      name: `rng, ${machine || "default machine"}`,
      app: "shell",
      line: `${machine} -serial stdio ${COMMON} -device ${rng}`,
      input: "rng 32\n",
      expect: /^[0-9a-f]{64}\r?$/m,
    },
    {
      name: `console, ${machine || "default machine"}`,
      app: "stdin",
      line: `${machine} ${CONSOLE} ${COMMON} -device ${serial} -device virtconsole,chardev=char0`,
      input: "Hello from the runner\n",
      // Once as the terminal's echo, once as what the application says.
      expect: /Hello from the runner\r?\n(.*\n)*?Hello from the runner\r?\n/,
    },
  ]);
}

for (const row of rows()) {
  Deno.test(`Hermit's CI line runs: ${row.name}`, () => runs(row, []));
  qemuTest(`Hermit's CI line runs on the real QEMU: ${row.name}`, () => runs(row, ["--platform", "qemu"]));
}

async function runs(row: Row, platform: string[]): Promise<void> {
  const options = [...platform, ...STRICT ? ["--strict"] : []];
  const { code, out, err } = await runScript(
    MAIN,
    [row.app, ...options, ...row.line.trim().split(/\s+/)],
    row.input,
  );
  if (STRICT) assertMatch(err, /strict: no rule was broken/);
  assert(code === 0 || code === 3, `status ${code}\n${out}\n${err}`);
  assertEquals(code, 3, "isa-debug-exit is there, so success is 3, as Hermit's runner expects");
  assertMatch(out, row.expect);
}
