import type { IndirectTable } from "../../../mm/device_heap.ts";
import { VirtqError, type VirtqErrorKind } from "../error.ts";
import type { BufferElem, Codec, DeviceVec } from "./buffer.ts";

/** How a buffer is put into the ring. */
export const BufferType = {
  /** A descriptor for each element. */
  Direct: 0,
  /** One descriptor in the ring, for a table that holds the others (needs VIRTIO_F_INDIRECT_DESC). */
  Indirect: 1,
} as const;
export type BufferType = typeof BufferType[keyof typeof BufferType];

/**
 * A buffer to be made available: what the device shall read, then what it may write. May be dispatched again once it
 * came back. The element lists must not be changed after the token is made.
 */
export class AvailBufferToken {
  declare readonly sendBuff: readonly BufferElem[];
  declare readonly recvBuff: readonly BufferElem[];
  /** Number of elements. */
  declare readonly descriptors: number;
  /** Bytes that the device may write. */
  declare readonly writable: number;

  /** In a queue. @internal */
  busy: boolean;
  /** This transfer asked for an interrupt. @internal */
  wantsNotif: boolean;
  /** Descriptors taken in the ring. @internal */
  consumed: number;
  /** Packed: where the chain starts. @internal */
  position: number;
  /** @internal */
  table: IndirectTable | undefined;
  /** Where it goes when it is used, for `dispatchBatchAwait`. @internal */
  awaitQueue: UsedBufferToken[] | undefined;
  /** What is handed out when it is used; one for the life of the token. @internal */
  declare readonly used: UsedBufferToken;

  private constructor(send: readonly BufferElem[], recv: readonly BufferElem[], writable: number) {
    this.sendBuff = send;
    this.recvBuff = recv;
    this.descriptors = send.length + recv.length;
    this.writable = writable;
    this.busy = false;
    this.wantsNotif = false;
    this.consumed = 0;
    this.position = 0;
    this.table = undefined;
    this.awaitQueue = undefined;
    this.used = new UsedBufferToken(this);
  }

  /**
   * @throws {VirtqError} BufferNotSpecified if both lists are empty.
   * @throws {VirtqError} BufferToLarge for more than 2^32 - 1 bytes (virtio 1.4, 2.7.5.2) or 65535 elements.
   */
  // deno-lint-ignore no-misused-new -- the name in Hermit
  static new(send: readonly BufferElem[], recv: readonly BufferElem[]): AvailBufferToken {
    const n = send.length + recv.length;
    if (n === 0) throw new VirtqError("BufferNotSpecified", "a token without any element");
    let readable = 0;
    for (let i = 0; i < send.length; i++) readable += send[i].vec.capacity;
    let writable = 0;
    for (let i = 0; i < recv.length; i++) writable += recv[i].vec.capacity;
    if (n > 0xffff || readable + writable > 0xffff_ffff) {
      throw new VirtqError(
        "BufferToLarge",
        `a token of ${n} elements and ${readable + writable} bytes (at most 65535 and 2^32 - 1)`,
      );
    }
    return new AvailBufferToken(send, recv, writable);
  }

  /** Whether a queue holds it: dispatched, and not come back. */
  get inFlight(): boolean {
    return this.busy;
  }

  /** Frees the memory of all elements. @throws {VirtqError} TokenInUse while the device may use them. */
  free(): void {
    if (this.busy) throw new VirtqError("TokenInUse", "a token in flight cannot be freed");
    for (const elem of this.sendBuff) elem.free();
    for (const elem of this.recvBuff) elem.free();
  }
}

/** What the device wrote, taken out element by element in order, limited by the length that it reported. */
export class UsedDeviceWritableBuffer {
  /** Written bytes that were not taken yet. */
  remaining: number;
  private next: number;
  declare private readonly elems: readonly BufferElem[];

  /** @internal */
  constructor(elems: readonly BufferElem[]) {
    this.elems = elems;
    this.remaining = 0;
    this.next = 0;
  }
  /** @internal */
  restart(written: number): void {
    this.remaining = written;
    this.next = 0;
  }

  /** Elements that were not taken yet. */
  get elementsLeft(): number {
    return this.elems.length - this.next;
  }

  /**
   * Takes the next element, which must have been made with this codec. `undefined`, and the element stays, when
   * there is none or the device did not write all of it.
   *
   * @throws {VirtqError} General if the element is of another type; it stays.
   */
  popFrontDowncast<T>(codec: Codec<T>): T | undefined {
    if (this.next >= this.elems.length || this.remaining < codec.size) return undefined;
    const value = this.elems[this.next].value(codec);
    this.next++;
    this.remaining -= codec.size;
    return value;
  }

  /**
   * Takes the next element, a vector, with its length set to what was written of it.
   *
   * @throws {VirtqError} General if the element is not a vector; it stays.
   */
  popFrontVec(): DeviceVec | undefined {
    if (this.next >= this.elems.length) return undefined;
    const elem = this.elems[this.next];
    if (elem.codec !== undefined) throw this.wrongKind(elem, "a vector");
    this.next++;
    const vec = elem.vec;
    const n = vec.capacity < this.remaining ? vec.capacity : this.remaining;
    vec.len = n;
    this.remaining -= n;
    return vec;
  }

  /**
   * Takes the next element, which is a sized one, whatever the device used it for, with the number of bytes written.
   *
   * @throws {VirtqError} General if the element is a vector; it stays.
   */
  popFrontRaw(): { elem: BufferElem; length: number } | undefined {
    if (this.next >= this.elems.length) return undefined;
    const elem = this.elems[this.next];
    if (elem.codec === undefined) throw this.wrongKind(elem, "a sized element");
    this.next++;
    const length = Math.min(elem.capacity, this.remaining);
    this.remaining -= length;
    return { elem, length };
  }

  private wrongKind(elem: BufferElem, expected: string): VirtqError {
    return new VirtqError("General", `${elem.vec.buffer.owner}: the next element is not ${expected}`);
  }
}

/** A buffer that the device has used. Belongs to its token and is valid until that is dispatched again. */
export class UsedBufferToken {
  declare readonly token: AvailBufferToken;
  /** What the device may have written, up to the length that it reported. */
  declare readonly usedRecvBuff: UsedDeviceWritableBuffer;
  private written: number;

  /** @internal */
  constructor(token: AvailBufferToken) {
    this.token = token;
    this.written = 0;
    this.usedRecvBuff = new UsedDeviceWritableBuffer(token.recvBuff);
  }
  /** @internal */
  restart(written: number): void {
    this.written = written;
    this.usedRecvBuff.restart(written);
  }

  /** The elements that the device read. */
  get sendBuff(): readonly BufferElem[] {
    return this.token.sendBuff;
  }
  /** Bytes that the device reported as written. */
  get writtenLen(): number {
    return this.written;
  }
}

/**
 * The device broke a rule of the ring. The entry is consumed and the queue goes on; `token`, if the device's answer
 * was about one, is back with the caller.
 */
export class VirtqDeviceError extends VirtqError {
  constructor(kind: VirtqErrorKind, message: string, arg?: number, readonly token?: AvailBufferToken) {
    super(kind, message, arg);
  }
}
