import { TRANSPORT } from "#transport";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
/** A machine of this build's transport, without devices. */
const BARE_MACHINE = TRANSPORT === "pci" ? ["-machine", "q35"] : ["-machine", "microvm"];

async function run(args: string[], input: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = (b: Uint8Array) => new TextDecoder().decode(b);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("the demo machine: random bytes through the shell, the end of input ends it well", async () => {
  const { code, out } = await run([], "rng 32\n");
  assertMatch(out, /^[0-9a-f]{64}$/m);
  assertEquals(code, 0);
});

Deno.test("shutdown's code is the exit status", async () => {
  assertEquals((await run(["-careful", "-seed=2"], "shutdown 3\n")).code, 3);
});

Deno.test("a last line without its end is a line; a full host disk is the host's error", async () => {
  const { code, out } = await run([], "echo last");
  assertEquals(code, 0);
  assertMatch(out, /^last$/m);
  const full = await new Deno.Command("sh", {
    args: ["-c", 'exec "$0" run -A "$1" </dev/null >/dev/full', Deno.execPath(), MAIN],
    stderr: "piped",
  }).output();
  assertEquals(full.code, 74);
  assertMatch(new TextDecoder().decode(full.stderr), /^pagurus: standard output: [^\n]+\n$/);
});

Deno.test("a chardev's file that cannot be created is a wrong command line", async () => {
  const { code, err } = await run(
    [...BARE_MACHINE, "-chardev", "file,id=f,path=/nonexistent/f", "-serial", "chardev:f"],
    "",
  );
  assertEquals(code, 2);
  assertStringIncludes(err, "id=f,path=/nonexistent/f");
});

Deno.test("a wrong command line: status 2, and the message names it", async () => {
  const { code, err } = await run(["-m", "3x"], "");
  assertEquals(code, 2);
  assertStringIncludes(err, "'3x' is not a size");
});

Deno.test("a kernel command line that cannot be read: status 2, and the message names the option", async () => {
  const { code, err } = await run(["-append", "-freq"], "");
  assertEquals(code, 2);
  assertStringIncludes(err, "-append: the argument '-freq' requires a value");
});

Deno.test({
  name: "the terminal is given back, whatever ends the run: shutdown, C-a x, ^C, ^\\, SIGTERM",
  ignore: Deno.build.os !== "linux" || !await Deno.stat("/usr/bin/script").then(() => true, () => false),
  async fn() {
    const ends = ["printf 'shutdown\\r'", "printf '\\001x'", "printf '\\003'", "printf '\\034'", "true"];
    await Promise.all(ends.map(async (typed, i) => {
      const kill = i === 4 ? "(sleep 1.2; kill $$) & " : "";
      const sh = `trap : INT QUIT; stty -g; sh -c '${kill}exec "$0" run -A "$1"' "$0" "$1"; stty -g`;
      const command =
        `(sleep 1; ${typed}; sleep 1) | script -qec 'exec sh -c "$SH" "$DENO" "$MAIN"' /dev/null`;
      const { stdout } = await new Deno.Command("sh", {
        args: ["-c", command],
        env: { SH: sh, DENO: Deno.execPath(), MAIN },
      }).output();
      const modes = new TextDecoder().decode(stdout).match(/[0-9a-f]+(:[0-9a-f]+){20,}/g) ?? [];
      assertEquals(modes.length, 2, typed);
      assertEquals(modes[1], modes[0], typed);
    }));
  },
});

Deno.test("a rate limit that gives nothing is said by the shell, and the machine goes on", async () => {
  const rng = TRANSPORT === "pci" ? "virtio-rng-pci" : "virtio-rng-device";
  const line = [
    "-global",
    "virtio-mmio.force-legacy=off",
    "-serial",
    "stdio",
    "-device",
    `${rng},max-bytes=0`,
  ];
  const { code, out } = await run([...BARE_MACHINE, ...line], "rng 4\nshutdown 5\n");
  assertStringIncludes(out, "the device gave 0 of 4 bytes in one second");
  assertEquals(code, 5);
});
