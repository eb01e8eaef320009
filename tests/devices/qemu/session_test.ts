import { TRANSPORT } from "#transport";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parseDescription } from "../../../devices/description/mod.ts";
import { BufferChardev } from "../../../devices/host/buffer_chardev.ts";
import { createMachine } from "../../../devices/machine/mod.ts";
import { boot } from "../../../kernel/mod.ts";
import { NO_TRACE } from "../../../spec/trace.ts";
import { CAREFUL } from "../../support/simulated.ts";
import { onQemu, qemuTest } from "../../support/qemu.ts";

const TERMINAL = "-chardev stdio,id=c0,mux=on";
const SERIAL = `${TERMINAL} -serial chardev:c0`;
/** Machines of this build's transport, with everything that the kernel drives. */
const MACHINES = TRANSPORT === "pci"
  ? {
    "q35, MSI-X": `-machine q35 -device virtio-rng-pci -device virtio-serial-pci ${SERIAL}`,
    "q35, INTx":
      `-machine q35 -device virtio-rng-pci,vectors=0 -device virtio-serial-pci,vectors=0 ${SERIAL}`,
    "pc, INTx, packed":
      `-machine pc -device virtio-rng-pci,vectors=0,packed=on -device virtio-serial-pci,vectors=0,packed=on ${SERIAL}`,
    "q35, packed, modern only":
      `-machine q35 -device virtio-rng-pci,packed=on,disable-legacy=on -device virtio-serial-pci,packed=on ${SERIAL}`,
    "q35, one port": `-machine q35 -device virtio-rng-pci -device virtio-serial-pci,max_ports=1 ${SERIAL}`,
  }
  : {
    "microvm": `-machine microvm -device virtio-rng-device -device virtio-serial-device ${SERIAL}`,
    "microvm, packed, acpi=off":
      `-machine microvm,acpi=off -device virtio-rng-device,packed=on -device virtio-serial-device,packed=on ${SERIAL}`,
    "microvm, ioapic2=off":
      `-machine microvm,ioapic2=off -device virtio-rng-device -device virtio-serial-device ${SERIAL} ` +
      `-append virtio_mmio.device=512@0xfeb02e00:23`,
  };
const COMMON = "-m 64M -nodefaults -global virtio-mmio.force-legacy=off";
const LINES = ["devices", "vq 0", "virt2phys 0x123456", "rng 16", "echo done", "shutdown 5"];

/** A session without what is chance or time: stamps, random bytes, counts of notifications. */
function comparable(output: string): string[] {
  return output.replace(/\r/g, "").split("\n")
    .filter((l) => !/Architecture:|Command line:|in flight:/.test(l))
    .map((l) =>
      l.replace(/^\[ *\d+\.\d+\]/, "[time]").replace(/^[0-9a-f]{32}$/, "random")
        .replace(/\d+ notifications/, "n notifications")
        // How far the device is when it is looked at is a matter of its pace.
        .replace(/(avail|read) \d+/g, "$1 n").replace(/\d+ descriptors free/, "n descriptors free")
    );
}

async function simulated(words: string): Promise<{ code: number; output: string }> {
  const c0 = new BufferChardev("c0");
  for (const line of LINES) c0.send(line + "\n");
  const desc = parseDescription(words.split(/\s+/));
  const machine = createMachine(desc, { chardevs: new Map([["c0", c0]]), seed: 1, trace: NO_TRACE });
  return { code: await boot(machine, { careful: CAREFUL }).run(), output: c0.text() };
}

for (const [name, words] of Object.entries(MACHINES)) {
  if (name.includes("ioapic2=off")) continue;
  qemuTest(`a session on QEMU is the session on the simulated machine: ${name}`, async () => {
    const line = `${COMMON} ${words} -device virtconsole,chardev=c0`;
    const real = await onQemu(line, LINES);
    const ours = await simulated(line);
    assertEquals(real.failure, undefined);
    assertEquals(real.code, ours.code);
    assertStringIncludes(real.output, "Switching to the virtio console");
    assertMatch(real.output, /^[0-9a-f]{32}\r?$/m);
    assertEquals(comparable(real.output), comparable(ours.output));
  });
}

qemuTest("the interrupts arrive: lines and messages are counted by their handlers", async () => {
  for (const [name, words] of Object.entries(MACHINES)) {
    const port = name.includes("ioapic2") ? "" : "-device virtconsole,chardev=c0";
    const { output } = await onQemu(`${COMMON} ${words} ${port}`, ["rng 8", "interrupts"]);
    const rows = output.split("\n").filter((l) => /^vector \d+ \(/.test(l));
    const counts = rows.map((l) => Number(/: (\d+)/.exec(l)![1]));
    assert(counts.some((n) => n > 0), `${name}: ${rows.join(" ")}`);
    if (name.includes("INTx")) assertEquals(rows.filter((r) => r.includes("MSI")), []);
    if (name.includes("MSI-X")) assert(rows.some((r) => r.includes("MSI")));
  }
});

qemuTest("COM1 is a console, too: its line is seen on every machine", async () => {
  const machines = TRANSPORT === "pci" ? ["q35", "pc"] : ["microvm", "microvm,acpi=off", "microvm,pic=off"];
  for (const machine of machines) {
    const { output, code } = await onQemu(`${COMMON} -machine ${machine} ${SERIAL}`, [
      "echo heard",
      "shutdown 7",
    ]);
    assertMatch(output, /^heard\r?$/m, machine);
    assertEquals(code, 7, machine);
  }
});

qemuTest("isa-debug-exit ends QEMU with its status", async () => {
  const machine = TRANSPORT === "pci" ? "q35" : "microvm";
  const line = `${COMMON} -machine ${machine} ${SERIAL} -device isa-debug-exit,iobase=0xf4,iosize=4`;
  assertEquals((await onQemu(line, ["shutdown 0"])).code, 3);
  assertEquals((await onQemu(line, ["shutdown 7"])).code, 7);
});

qemuTest("without FFI the RAM is a file, and the session the same", async () => {
  const words = Object.values(MACHINES)[0];
  const line = `${COMMON} ${words} -device virtconsole,chardev=c0`;
  const { output, code } = await onQemu(line, LINES, { withoutFfi: true });
  assertEquals(code, 5);
  assertEquals(comparable(output), comparable((await simulated(line)).output));
});

qemuTest("long lines of input through a shared chardev, and their output, arrive whole", async () => {
  const words = Object.values(MACHINES)[0];
  const line = `${COMMON} ${words} -device virtconsole,chardev=c0`;
  const long = "x".repeat(3000);
  const { output } = await onQemu(line, [...Array.from({ length: 4 }, () => `echo ${long}`), "echo end"]);
  // Each is echoed while typed, and printed once.
  assertEquals(output.split(long).length - 1, 8);
  assertMatch(output, /^end\r?$/m);
});
