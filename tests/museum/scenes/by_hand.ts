/** A queue driven by hand: applications that do with a ring what no driver of the kernel does. */
import { findDevices, mapDevice } from "#transport";
import type { DriverContext } from "../../../drivers/context.ts";
import { queueEnv } from "../../../drivers/context.ts";
import { initCaps, requiredFeatures, ringFeatures } from "../../../drivers/virtio/features.ts";
import {
  AvailBufferToken,
  BufferElem,
  BufferType,
  createVirtq,
  DeviceVec,
  type UsedBufferToken,
  type Virtq,
} from "../../../drivers/virtio/virtqueue/mod.ts";
import type { Kernel } from "../../../kernel/mod.ts";
import { VirtioId } from "../../../spec/virtio/ids.ts";

/** Looks at a queue before a buffer counts as lost. */
const PATIENCE = 100_000;

/** The queue of the entropy device, taken from its driver. Buffers are what the device fills. */
export class Ring {
  readonly vq: Virtq;
  private readonly ctx: DriverContext;
  private readonly reset: () => void;
  private readonly tokens: AvailBufferToken[] = [];

  /** @param size descriptors at most. @throws {Error} if the machine has no entropy device. */
  constructor(kernel: Kernel, size: number) {
    const { platform, deviceAlloc, indirect, interrupts, paging, log, drivers } = kernel.parts;
    for (const driver of drivers.rng.splice(0)) driver.shutdown();
    this.ctx = {
      platform,
      alloc: deviceAlloc,
      indirect,
      interrupts,
      paging,
      log: log.target("scene"),
      mmioDevices: [],
    };
    const location = findDevices(this.ctx).find((found) => found.deviceId === VirtioId.Rng);
    if (location === undefined) throw new Error("the machine has no entropy device");
    const caps = mapDevice(location, this.ctx);
    const driver = {
      name: "by hand",
      virtioId: VirtioId.Rng,
      minimal: requiredFeatures(this.ctx),
      optional: ringFeatures(this.ctx),
    };
    this.vq = initCaps(caps, driver, this.ctx.log, (features) => {
      caps.interrupt.connect({
        name: "scene",
        onConfig: () => {},
        // It wakes the CPU; whoever waits looks again by itself.
        queues: [{ index: 0, onUsed: () => {} }],
      });
      const env = queueEnv(this.ctx, caps.comCfg.deviceName);
      return createVirtq(caps.comCfg, caps.notifCfg, size, 0, features, env);
    }).result;
    this.reset = () => caps.comCfg.resetDev();
  }

  /** A buffer in `pieces` pieces of 16 bytes. */
  buffer(pieces: number): AvailBufferToken {
    const elems = Array.from(
      { length: pieces },
      () => BufferElem.vector(DeviceVec.withCapacity(this.ctx.alloc, 16, "scene buffer")),
    );
    const token = AvailBufferToken.new([], elems);
    this.tokens.push(token);
    return token;
  }
  /** Gives a buffer to the device. `notif`: with an interrupt for it. False: the ring is full. */
  give(token: AvailBufferToken, notif = false): boolean {
    try {
      this.vq.dispatch(token, notif, BufferType.Direct);
      return true;
    } catch (error) {
      if ((error as { kind?: string }).kind === "NoDescrAvail") return false;
      throw error;
    }
  }
  /** Waits for the next buffer that comes back, and reads what is in it. @throws {Error} if none does. */
  take(): AvailBufferToken {
    for (let i = 0; i < PATIENCE; i++) {
      const used = this.vq.tryRecv();
      if (used !== undefined) {
        this.look(used);
        return used.token;
      }
      this.ctx.platform.relax();
    }
    throw new Error("no buffer comes back");
  }
  /** Reads what the device wrote. */
  private look(used: UsedBufferToken): void {
    for (
      let vec = used.usedRecvBuff.popFrontVec();
      vec !== undefined;
      vec = used.usedRecvBuff.popFrontVec()
    ) {
      vec.buffer.memory.readBytes(vec.buffer.offset, new Uint8Array(vec.len));
    }
  }
  /** Resets the device, and frees all memory. */
  close(): void {
    this.reset();
    this.vq.free();
    for (const token of this.tokens) token.free();
  }
}
