/** A platform with the kernel's drivers on it, for bench/platforms.ts: simulated, or the real QEMU in one of three ways. */
import { findDevices, mapDevice, TRANSPORT } from "#transport";
import { type DeviceMemory, RamDeviceMemory } from "../arch/device_memory.ts";
import { Interrupts } from "../arch/interrupts.ts";
import { PageTables } from "../arch/paging.ts";
import type { Platform } from "../arch/platform.ts";
import { type MachineDescription, parseDescription } from "../devices/description/mod.ts";
import { BufferChardev } from "../devices/host/buffer_chardev.ts";
import { createMachine } from "../devices/machine/mod.ts";
import { QemuPlatform } from "../devices/qemu/mod.ts";
import { type DriverContext, NO_LOG } from "../drivers/context.ts";
import { initCaps, ringFeatures } from "../drivers/virtio/features.ts";
import { AvailBufferToken, BufferElem, createVirtq, DeviceVec } from "../drivers/virtio/virtqueue/mod.ts";
import { boot } from "../kernel/mod.ts";
import { DeviceAlloc } from "../mm/device_alloc.ts";
import { DeviceHeap } from "../mm/device_heap.ts";
import { FrameAlloc } from "../mm/physicalmem.ts";
import { NO_TRACE } from "../spec/trace.ts";
import { F } from "../spec/virtio/features.ts";
import { VirtioId } from "../spec/virtio/ids.ts";

/** `pinned`: this thread and QEMU on one CPU. `noffi`: without FFI, so RAM is a file and nothing is pinned. */
export type Kind = "simulated" | "pinned" | "unpinned" | "noffi";
export type Ring = "split" | "packed";

/** A machine that a guest can be put on. */
export type Started = Platform & Partial<Pick<QemuPlatform, "deviceMemory" | "close">>;

/** The guest half without a kernel: what drivers need. */
export interface Guest {
  readonly platform: Started;
  readonly ctx: DriverContext;
  readonly interrupts: Interrupts;
  readonly ram: DeviceMemory;
}

/** Keeps nothing of what the guest prints, so that long runs cost no memory. */
class SilentChardev extends BufferChardev {
  override write(_bytes: Uint8Array): void {}
}

/** rng and console on this build's transport, in QEMU's words. */
function describe(ring: Ring): MachineDescription {
  const packed = `packed=${ring === "packed" ? "on" : "off"}`;
  const [machine, suffix] = TRANSPORT === "pci"
    ? ["q35", "pci"]
    : ["microvm,acpi=off -global virtio-mmio.force-legacy=off", "device"];
  const words = `-machine ${machine} -m 64M -nodefaults ` +
    `-device virtio-rng-${suffix},${packed} -device virtio-serial-${suffix},${packed} ` +
    `-chardev stdio,id=c0 -device virtconsole,chardev=c0`;
  return parseDescription(words.split(" "));
}

/** Starts the platform: until its first answer. */
export async function start(kind: Kind, ring: Ring, c0 = new SilentChardev("c0")): Promise<Started> {
  const chardevs = new Map([["c0", c0]]);
  if (kind === "simulated") return createMachine(describe(ring), { chardevs, seed: 1, trace: NO_TRACE });
  return await QemuPlatform.start(describe(ring), {
    chardevs,
    pin: kind === "pinned",
    withoutFfi: kind === "noffi",
  });
}

/** Puts memory, interrupts and a driver context on a platform, as a kernel's boot does. */
export function guestOn(platform: Started): Guest {
  const { base, bytes } = platform.ram[0];
  const ram = platform.deviceMemory?.(base, bytes.length) ?? new RamDeviceMemory(base, bytes);
  const frames = new FrameAlloc(platform.memoryMap);
  const alloc = new DeviceAlloc(ram, frames, 0);
  const paging = new PageTables(new RamDeviceMemory(base, bytes), frames);
  const interrupts = new Interrupts(platform);
  interrupts.init();
  const ctx: DriverContext = {
    platform,
    alloc,
    indirect: new DeviceHeap(alloc),
    interrupts,
    paging,
    log: NO_LOG,
    mmioDevices: [],
  };
  return { platform, ctx, interrupts, ram };
}

/** The entropy device with one queue, as its driver sets it up but for the buffers; `used` counts its interrupts. */
export function openRng({ ctx }: Guest, bytes: number) {
  const caps = mapDevice(findDevices(ctx).find((d) => d.deviceId === VirtioId.Rng)!, ctx);
  const seen = { used: 0 };
  const driver = { name: "bench", virtioId: VirtioId.Rng, minimal: F.VERSION_1, optional: ringFeatures(ctx) };
  const { result: vq, features } = initCaps(caps, driver, ctx.log, (features) => {
    caps.interrupt.connect({
      name: "bench",
      onConfig() {},
      queues: [{ index: 0, onUsed: () => void seen.used++ }],
    });
    const env = {
      alloc: ctx.alloc,
      indirect: ctx.indirect,
      deviceName: "bench",
      relax: () => ctx.platform.relax(),
    };
    return createVirtq(caps.comCfg, caps.notifCfg, 1024, 0, features, env);
  });
  const token = AvailBufferToken.new([], [
    BufferElem.vector(DeviceVec.withCapacity(ctx.alloc, bytes, "bench")),
  ]);
  return { caps, vq, token, features, seen };
}

/** Boots a kernel to the prompt of its shell and ends it. @throws {Error} if it does not get there. */
export async function bootToShell(kind: Kind, ring: Ring): Promise<void> {
  const c0 = new BufferChardev("c0");
  const platform = await start(kind, ring, c0);
  try {
    const kernel = boot(platform, {
      deviceMemory: (base, bytes) =>
        platform.deviceMemory?.(base, bytes.length) ?? new RamDeviceMemory(base, bytes),
    });
    c0.send("\x04");
    const code = await kernel.run();
    if (code !== 0 || !c0.text().includes("> ")) throw new Error(`did not reach the prompt (exit ${code})`);
  } finally {
    await platform.close?.();
  }
}
