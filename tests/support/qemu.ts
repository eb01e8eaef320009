/** Whether the tests that need the real QEMU run here, and a kernel session on it. */
import { parseDescription } from "../../devices/description/mod.ts";
import { BufferChardev } from "../../devices/host/buffer_chardev.ts";
import { type QemuHost, QemuPlatform } from "../../devices/qemu/mod.ts";
import { boot, type Kernel } from "../../kernel/mod.ts";
import { ONCE } from "./once.ts";
import { CAREFUL } from "./simulated.ts";
import { STRICT, StrictTest } from "./strict.ts";

function installed(): boolean {
  try {
    return new Deno.Command("qemu-system-x86_64", { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

const HAS_QEMU = installed();
/** Tests that need QEMU are ignored; with REQUIRE_QEMU=1 they run, and fail where it is missing. */
export const QEMU_IGNORE: boolean = !HAS_QEMU && Deno.env.get("REQUIRE_QEMU") !== "1";
if (QEMU_IGNORE) {
  console.log("ignored: tests on the real QEMU (apt-get install --no-install-recommends qemu-system-x86)");
}

/** A test that needs QEMU. */
export function qemuTest(name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void {
  Deno.test({ name, ignore: QEMU_IGNORE, fn });
}
/** A test that needs QEMU, for what depends on neither transport nor offset: the other runs do not know it. */
export function qemuTestOnce(name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void {
  if (ONCE) qemuTest(name, fn);
}

/** A running machine on the real QEMU: the chardev `c0` is a terminal that types `lines`, then ^D. */
export async function onQemu(
  words: string,
  lines: string[],
  host: Partial<QemuHost> = {},
): Promise<{ code: number; output: string; kernel: Kernel; failure: Error | undefined }> {
  const c0 = new BufferChardev("c0");
  for (const line of lines) c0.send(line + "\n");
  c0.send("\x04");
  c0.end();
  const desc = parseDescription(words.trim().split(/\s+/));
  const strict = STRICT ? new StrictTest("qemu") : undefined;
  const trace = strict?.trace(host.trace) ?? host.trace;
  const chardevs = new Map([["c0", c0]]);
  const platform = await QemuPlatform.start(desc, {
    chardevs,
    ...host,
    ...trace === undefined ? {} : { trace },
  });
  strict?.watches(platform);
  try {
    const memory = platform.mapped ? {} : {
      deviceMemory: (base: number, bytes: Uint8Array<ArrayBufferLike>) =>
        platform.deviceMemory(base, bytes.length)!,
    };
    const kernel = boot(platform, { careful: CAREFUL, ...memory, ...strict?.boot(memory) });
    const code = await kernel.run();
    return { code, output: c0.text(), kernel, failure: await platform.explain() };
  } finally {
    await platform.close();
  }
}
