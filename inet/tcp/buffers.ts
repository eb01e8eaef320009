/** Smallest buffer; every connection gets these without being asked. */
const SMALLEST = 4096;
const SMALLEST_LOG = 12;
/** More than any buffer has. */
const HALF = 0x40000000;
/** Bytes of buffers that are kept for the next connection. */
const KEPT = 4 << 20;
/** Up to here a loop is faster than two views and a copy. */
const LOOP = 32;

const NONE = new Uint8Array(0);

/** Buffers whose sizes are powers of two, handed around so that a connection that holds no data holds no memory. */
export class BufferPool {
  /** Bytes in use. */
  used = 0;
  /** Bytes of buffers in use above the smallest each: what the limit counts. */
  private counted = 0;
  private kept = 0;
  declare private readonly free: Uint8Array[][];

  /** @param limit most bytes above the smallest size of each buffer. */
  constructor(private readonly limit: number) {
    this.free = [];
  }

  /** The largest buffer that is to be had in place of one of `old` bytes. */
  largest(old: number): number {
    const bytes = Math.max(old, SMALLEST) + Math.max(0, this.limit - this.counted);
    return bytes > HALF ? HALF : 1 << 31 - Math.clz32(bytes);
  }

  /** A buffer of at least `size` bytes in place of one of `old` bytes; undefined if the limit forbids it. */
  take(size: number, old: number): Uint8Array | undefined {
    const log = size <= SMALLEST ? SMALLEST_LOG : 32 - Math.clz32(size - 1);
    const bytes = 2 ** log;
    const more = bytes - Math.max(old, SMALLEST);
    if (more > 0 && this.counted + more > this.limit) return undefined;
    this.used += bytes;
    this.counted += bytes - SMALLEST;
    const kept = this.free[log]?.pop();
    if (kept === undefined) return new Uint8Array(bytes);
    this.kept -= bytes;
    return kept;
  }

  /** Takes a buffer back. */
  give(buffer: Uint8Array): void {
    const bytes = buffer.length;
    if (bytes === 0) return;
    this.forget(bytes);
    if (this.kept + bytes > KEPT) return;
    this.kept += bytes;
    (this.free[31 - Math.clz32(bytes)] ??= []).push(buffer);
  }

  /** A buffer is the owner's own from now on: it does not come back. */
  forget(bytes: number): void {
    if (bytes === 0) return;
    this.used -= bytes;
    this.counted -= bytes - SMALLEST;
  }
}

/**
 * A byte queue in a ring that grows as it is needed. Bytes may also be put behind its end, where data that came out of
 * order waits for what is missing.
 */
export class Ring {
  /** Bytes in the queue. */
  length = 0;
  private head = 0;
  private bytes: Uint8Array = NONE;
  /** The buffer is not the pool's any more. */
  private own = false;

  constructor(private readonly pool: BufferPool) {}

  /** Bytes that there is room for, with those that are there. */
  get capacity(): number {
    return this.bytes.length;
  }

  /** Makes room for `size` bytes in all, if it can. Returns the room there is then: it may be less. */
  reserve(size: number): number {
    const old = this.bytes;
    if (size <= old.length) return old.length;
    const bytes = this.pool.take(size, old.length);
    if (bytes === undefined) return this.grow(size);
    this.move(bytes);
    return bytes.length;
  }

  /** Copies `from`'s bytes in [start, end) to `offset` bytes behind the head. There must be room. */
  put(offset: number, from: Uint8Array, start: number, end: number): void {
    const { bytes } = this;
    const mask = bytes.length - 1, length = end - start;
    let at = (this.head + offset) & mask;
    if (length <= LOOP) {
      for (; start < end; start++, at = (at + 1) & mask) bytes[at] = from[start];
      return;
    }
    const first = Math.min(length, bytes.length - at);
    bytes.set(from.subarray(start, start + first), at);
    if (first < length) bytes.set(from.subarray(start + first, end), 0);
  }

  /** Copies `length` bytes from `offset` behind the head to `to`. */
  get(offset: number, length: number, to: Uint8Array, at: number): void {
    const { bytes } = this;
    const mask = bytes.length - 1;
    let from = (this.head + offset) & mask;
    if (length <= LOOP) {
      for (const end = at + length; at < end; at++, from = (from + 1) & mask) to[at] = bytes[from];
      return;
    }
    const first = Math.min(length, bytes.length - from);
    to.set(bytes.subarray(from, from + first), at);
    if (first < length) to.set(bytes.subarray(0, length - first), at + first);
  }

  /** Removes bytes at the head. */
  drop(count: number): void {
    this.length -= count;
    this.head = (this.head + count) & (this.bytes.length - 1);
  }

  /** Gives the buffer back; whatever was in it is gone. */
  release(): void {
    if (!this.own) this.pool.give(this.bytes);
    this.own = false;
    this.bytes = NONE;
    this.head = 0;
    this.length = 0;
  }

  /** Takes the buffer out of the pool's account: it lives as long as whoever refers to it. */
  disown(): void {
    if (!this.own) this.pool.forget(this.bytes.length);
    this.own = true;
  }

  /** The next best where the wished size was refused: a doubling, or the smallest. */
  private grow(size: number): number {
    const old = this.bytes;
    const next = old.length === 0 ? SMALLEST : 2 * old.length;
    if (next < size) {
      const bytes = this.pool.take(next, old.length);
      if (bytes !== undefined) {
        this.move(bytes);
        return this.reserve(size);
      }
    }
    return this.bytes.length;
  }

  private move(to: Uint8Array): void {
    const old = this.bytes;
    if (old.length > 0) {
      to.set(old.subarray(this.head), 0);
      to.set(old.subarray(0, this.head), old.length - this.head);
      this.pool.give(old);
    }
    this.head = 0;
    this.bytes = to;
  }
}
