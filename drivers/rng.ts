/** The driver of the entropy device (virtio 1.4, 5.4). QEMU: `-device virtio-rng-pci`. */
import { VirtioId } from "../spec/virtio/ids.ts";
import { type DriverContext, queueEnv } from "./context.ts";
import { DriverError, VirtioError, VirtqError } from "./virtio/error.ts";
import {
  describeDevice,
  type DriverFeatures,
  initCaps,
  requiredFeatures,
  ringFeatures,
  type VirtioDeviceInfo,
} from "./virtio/features.ts";
import { type QueueBuffer, QueueBuffers, VIRTIO_MAX_QUEUE_SIZE } from "./virtio/queue_buffers.ts";
import type { UniCapsColl } from "./virtio/transport/mod.ts";
import { createVirtq } from "./virtio/virtqueue/mod.ts";

/** Bytes of a buffer (Hermit: RNG_PACKET_SIZE). */
const PACKET_SIZE = 32;
/** Standing buffers, or fewer in a smaller queue: each costs a page. */
const PACKETS = 8;

/** Reads random bytes. The queue is polled; the device is asked for no interrupts, as in Hermit. */
export class VirtioRngDriver {
  readonly device: VirtioDeviceInfo;
  /** Why the device cannot be used any more. */
  broken: DriverError | undefined;
  private current: QueueBuffer | undefined;
  private position = 0;

  private constructor(
    private readonly caps: UniCapsColl,
    driver: DriverFeatures,
    features: bigint,
    private readonly queue: QueueBuffers,
  ) {
    this.device = describeDevice(driver, caps.location, features, caps.comCfg, () => [queue.vq]);
  }

  /** Starts the device. @throws {VirtioError} see `initCaps`. */
  static initDev(caps: UniCapsColl, ctx: DriverContext): VirtioRngDriver {
    const driver: DriverFeatures = {
      name: "virtio-rng",
      virtioId: VirtioId.Rng,
      minimal: requiredFeatures(ctx),
      optional: ringFeatures(ctx),
    };
    const { comCfg, notifCfg } = caps;
    const { features, result: queue } = initCaps(caps, driver, ctx.log, (features) => {
      const env = queueEnv(ctx, comCfg.deviceName);
      const vq = createVirtq(comCfg, notifCfg, VIRTIO_MAX_QUEUE_SIZE, 0, features, env);
      vq.disableNotifs();
      const owner = `${comCfg.deviceName} queue 0`;
      return new QueueBuffers(vq, ctx.alloc, "receive", PACKETS, PACKET_SIZE, owner, ctx.log);
    });
    ctx.log.info("virtio-rng device has been initialized by driver!");
    const rng = new VirtioRngDriver(caps, driver, features, queue);
    // Only now: the device must not be notified before DRIVER_OK (virtio 1.4, 3.1.1).
    queue.dispatchAll();
    return rng;
  }

  /**
   * Copies random bytes that are there already; never waits.
   *
   * @returns how many bytes, 0 if the device has given none yet.
   * @throws {DriverError} Io if the device is broken or needs a reset.
   */
  read(target: Uint8Array): number {
    if (this.broken !== undefined) throw this.broken;
    let done = 0;
    try {
      // A device may return buffers without a byte in them for ever: no more than a round of them in one call.
      for (let empty = 0; done < target.length && empty <= this.queue.vq.size;) {
        const n = this.readCurrent(target, done);
        done += n;
        if (done === target.length) break;
        if (n === 0) empty++;
        if (!this.next()) break;
      }
    } catch (error) {
      throw this.fail(error);
    }
    if (done === 0 && target.length > 0 && this.caps.comCfg.doesDeviceNeedReset()) {
      throw this.fail(new VirtioError("NeedsReset", `${this.caps.comCfg.deviceName}: needs a reset`));
    }
    return done;
  }

  /** Stops the device and frees all its memory. */
  shutdown(): void {
    this.broken ??= new DriverError("Io", `${this.caps.comCfg.deviceName}: was shut down`);
    this.caps.comCfg.resetDev();
    this.current = undefined;
    this.queue.release();
  }

  private readCurrent(target: Uint8Array, at: number): number {
    const buffer = this.current;
    if (buffer === undefined) return 0;
    const n = Math.min(buffer.written - this.position, target.length - at);
    if (n > 0) {
      const { memory, offset } = buffer.vec.buffer;
      memory.readBytes(offset + this.position, target.subarray(at, at + n));
      this.position += n;
    }
    return n;
  }
  /** Gives the buffer that is read up back to the device and takes the next. */
  private next(): boolean {
    this.current = undefined;
    this.queue.dispatchAll();
    this.current = this.queue.take();
    this.position = 0;
    return this.current !== undefined;
  }
  private fail(error: unknown): DriverError {
    if (!(error instanceof VirtqError || error instanceof VirtioError)) throw error;
    this.broken = new DriverError("Io", error.message, { cause: error });
    return this.broken;
  }
}
