import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import type { Log } from "../context.ts";
import { VirtqError } from "../virtio/error.ts";
import {
  AvailBufferToken,
  BufferElem,
  DeviceVec,
  type UsedBufferToken,
  type Virtq,
  VirtqDeviceError,
} from "../virtio/virtqueue/mod.ts";

/** How many broken entries are forgiven before a queue counts as broken. */
const MAX_ERRORS = 64;

/** What the queues of a network card have in common: a ring, standing buffers of one direction, and a device to mistrust. */
export abstract class NetQueue {
  /** Buffers that the device does not have. */
  declare protected readonly free: AvailBufferToken[];
  declare private readonly all: AvailBufferToken[];
  /** Rules that the device broke. */
  errors = 0;

  constructor(readonly vq: Virtq, protected readonly owner: string, private readonly log: Log) {
    this.free = [];
    this.all = [];
  }

  /** Makes `count` buffers of `bytes`, each in memory of its own. */
  protected allocate(
    alloc: DeviceAlloc,
    direction: "send" | "receive",
    count: number,
    bytes: number,
  ): void {
    for (let i = 0; i < count; i++) {
      const elems = [BufferElem.vector(DeviceVec.withCapacity(alloc, bytes, `${this.owner} buffer`))];
      const token = direction === "send" ? AvailBufferToken.new(elems, []) : AvailBufferToken.new([], elems);
      this.all.push(token);
      this.free.push(token);
    }
  }

  /** Buffers there are. */
  protected get made(): number {
    return this.all.length;
  }
  /** Buffers that the device has. */
  get inFlight(): number {
    return this.all.length - this.free.length;
  }

  /**
   * The next buffer that the device has used; undefined if there is none. Null: an entry that breaks a rule, which costs a
   * line in the log.
   *
   * @throws {VirtqError} QueueBroken when the queue cannot be used any more.
   */
  protected take(): UsedBufferToken | undefined | null {
    try {
      return this.vq.tryRecv();
    } catch (error) {
      return this.failed(error);
    }
  }

  /** A bad entry was about this buffer, which is the queue's again. */
  protected abstract takeBack(token: AvailBufferToken): void;

  /** The device broke a rule. @throws {VirtqError} QueueBroken when it has done that too often. */
  protected broke(rule: string): void {
    this.errors++;
    this.log.error(`${this.owner}: ${rule}`);
    if (this.errors <= MAX_ERRORS) return;
    throw new VirtqError("QueueBroken", `${this.owner}: the device broke the rules ${this.errors} times`);
  }

  /** Frees the queue's memory and the buffers'. The device must have been reset. */
  release(): void {
    this.vq.free();
    for (const token of this.all) token.free();
    this.all.length = this.free.length = 0;
  }

  private failed(error: unknown): null {
    if (!(error instanceof VirtqError) || error.kind === "QueueBroken") throw error;
    if (error instanceof VirtqDeviceError && error.token !== undefined) this.takeBack(error.token);
    this.broke(error.message);
    return null;
  }
}
