import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import type { Log } from "../context.ts";
import { VirtqError } from "./error.ts";
import {
  AvailBufferToken,
  BufferElem,
  BufferType,
  DeviceVec,
  type UsedBufferToken,
  type Virtq,
  VirtqDeviceError,
} from "./virtqueue/mod.ts";

/** Largest queue that drivers use (Hermit: VIRTIO_MAX_QUEUE_SIZE); also the most that QEMU allows. */
export const VIRTIO_MAX_QUEUE_SIZE = 1024;

/** How many broken entries are forgiven before the queue counts as broken. */
const MAX_ERRORS = 64;

/** One standing buffer of a queue: made once, dispatched again and again. */
export interface QueueBuffer {
  readonly vec: DeviceVec;
  readonly token: AvailBufferToken;
  /** Bytes that the device wrote, after it came back. */
  written: number;
}

/**
 * A queue with its standing buffers, all of one direction and size. A device that breaks a rule of the ring costs a line
 * in the log; its buffer comes back empty.
 */
export class QueueBuffers {
  /** Buffers that the device does not have. */
  readonly free: QueueBuffer[] = [];
  /** Rules that the device broke. */
  errors = 0;
  private readonly all = new Map<AvailBufferToken, QueueBuffer>();

  /** @param count at most the queue's size is used. @param bytes of each buffer. */
  constructor(
    readonly vq: Virtq,
    alloc: DeviceAlloc,
    direction: "send" | "receive",
    count: number,
    bytes: number,
    private readonly owner: string,
    private readonly log: Log,
  ) {
    for (let i = Math.min(count, vq.size); i > 0; i--) {
      const vec = DeviceVec.withCapacity(alloc, bytes, `${owner} buffer`);
      const elems = [BufferElem.vector(vec)];
      const token = direction === "send" ? AvailBufferToken.new(elems, []) : AvailBufferToken.new([], elems);
      const buffer = { vec, token, written: 0 };
      this.all.set(token, buffer);
      this.free.push(buffer);
    }
  }

  get inFlight(): number {
    return this.all.size - this.free.length;
  }

  /** Gives all free buffers to the device. */
  dispatchAll(): void {
    while (this.free.length > 0) this.dispatch(this.free[this.free.length - 1]);
  }

  /** Gives a free buffer to the device. @throws {VirtqError} as `Virtq.dispatch`; the buffer is free still. */
  dispatch(buffer: QueueBuffer): void {
    this.vq.dispatch(buffer.token, false, BufferType.Direct);
    const at = this.free.lastIndexOf(buffer);
    if (at >= 0) this.free.splice(at, 1);
  }

  /**
   * The next buffer that the device has used; it is free then. At most as many broken entries as the queue has
   * descriptors are passed over.
   *
   * @throws {VirtqError} QueueBroken when the queue cannot be used any more.
   */
  take(): QueueBuffer | undefined {
    for (let i = 0; i <= this.vq.size; i++) {
      let used: UsedBufferToken | undefined;
      try {
        used = this.vq.tryRecv();
      } catch (error) {
        this.failed(error);
        continue;
      }
      if (used === undefined) return undefined;
      const buffer = this.all.get(used.token);
      if (buffer === undefined) continue;
      buffer.written = used.writtenLen;
      this.free.push(buffer);
      return buffer;
    }
    return undefined;
  }

  /** Frees the queue's memory and the buffers'. The device must have been reset. */
  release(): void {
    this.vq.free();
    for (const buffer of this.all.values()) buffer.vec.free();
    this.all.clear();
    this.free.length = 0;
  }

  private failed(error: unknown): void {
    if (!(error instanceof VirtqError) || error.kind === "QueueBroken") throw error;
    this.errors++;
    this.log.error(`${this.owner}: ${error.message}`);
    if (this.errors > MAX_ERRORS) {
      throw new VirtqError("QueueBroken", `${this.owner}: the device broke the rules ${this.errors} times`);
    }
    const token = error instanceof VirtqDeviceError ? error.token : undefined;
    const buffer = token && this.all.get(token);
    if (buffer === undefined) return;
    buffer.written = 0;
    this.free.push(buffer);
  }
}
