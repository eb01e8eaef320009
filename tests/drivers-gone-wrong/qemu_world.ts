/** The real QEMU for the student's driver. */
import { RamDeviceMemory } from "../../arch/device_memory.ts";
import { parseDescription } from "../../devices/description/mod.ts";
import { BufferChardev } from "../../devices/host/buffer_chardev.ts";
import { QemuPlatform } from "../../devices/qemu/mod.ts";
import { DeadlockError } from "../../spec/deadlock.ts";
import { LiveMemory, type Rule, Strict } from "../../verify/strict/mod.ts";
import { machineWords, type Setting } from "./setting.ts";
import type { Ground } from "./student/mod.ts";
import { makeGround, makeStudent, type World } from "./world.ts";

/** Milliseconds that QEMU may take for an interrupt. */
const PATIENCE = 3000;

/** Starts QEMU, watched by the rules. `close` ends it. */
export async function qemuWorld(
  s: Setting,
  rules: readonly Rule[],
  patience = PATIENCE,
): Promise<World & { close(): Promise<void> }> {
  const desc = parseDescription(machineWords(s, "user", "16M").split(" "));
  const c0 = new BufferChardev("c0");
  const holder: { platform?: QemuPlatform } = {};
  const live = new LiveMemory(() => holder.platform?.ram ?? []);
  const strict = new Strict({ rules, platform: "qemu", memory: live });
  const platform = await QemuPlatform.start(desc, { chardevs: new Map([["c0", c0]]), trace: strict });
  holder.platform = platform;
  strict.clock = () => platform.now();
  const { base, bytes } = platform.ram[0];
  const memory = platform.deviceMemory(base, bytes.length) ?? new RamDeviceMemory(base, bytes);
  const ground: Ground = makeGround(platform, memory, strict, () => {
    strict.emit({ ev: "idle" });
    for (const start = performance.now(); performance.now() - start < patience;) {
      platform.relax();
      if (ground.interrupts.poll() > 0) return;
    }
    throw new DeadlockError("the driver waits for an interrupt, and QEMU raises none");
  });
  return {
    strict,
    student: makeStudent(s, ground),
    platform,
    output: () => c0.text(),
    async type(text) {
      c0.send(text);
      while (c0.waiting > 0) await platform.deliverInput();
    },
    close: () => platform.close(),
  };
}
