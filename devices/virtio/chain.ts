import type { GuestMemory } from "../guest_memory.ts";

const TWO_32 = 0x1_0000_0000;
/** int32 words a segment takes: low half of the address, high half, length. */
export const STRIDE = 3;

/** One buffer of a chain: guest-physical address and length in bytes. */
export interface Segment {
  readonly addr: number;
  readonly len: number;
  /** The device writes it; otherwise it reads it. */
  readonly writable: boolean;
}

/**
 * What a driver made available: some buffers to read, then some to write. A queue lends it with `pop` and takes it back
 * with `push`; from then on the object belongs to the queue, which fills it again for a later chain.
 *
 * Bytes outside guest memory read as zeros and swallow writes, as in QEMU.
 */
export class Chain {
  /** Head descriptor (split) or buffer id (packed): what the used entry will name. */
  declare id: number;
  /** How many descriptors of the ring it takes: what the packed ring skips; 1 for an indirect one. */
  declare descriptors: number;
  /** How many segments the device reads. They come first. */
  declare outNum: number;
  /** How many segments the device writes. */
  declare inNum: number;
  /** Bytes the device can read. */
  declare readableLength: number;
  /** Bytes the device can write. */
  declare writableLength: number;
  /** Bytes written so far by {@link writeFrom}. */
  declare written: number;
  /** Popped and not yet pushed. */
  declare inFlight: boolean;
  /** Holds the bounce buffer of guest memory. */
  declare bounced: boolean;
  /** IN_ORDER: pushed by the model, waiting for an older one; with the length it was pushed with. */
  declare done: boolean;
  declare doneLength: number;
  /** IN_ORDER: the chain popped after this one. */
  declare newer: Chain | undefined;
  declare private words: Int32Array;
  declare private readonly memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.memory = memory;
    this.words = new Int32Array(8 * STRIDE);
    this.id = 0;
    this.descriptors = 1;
    this.outNum = 0;
    this.inNum = 0;
    this.readableLength = 0;
    this.writableLength = 0;
    this.written = 0;
    this.inFlight = false;
    this.bounced = false;
    this.done = false;
    this.doneLength = 0;
    this.newer = undefined;
  }

  /** For the queue: room for one more segment behind `at` words. */
  room(at: number): Int32Array {
    return at === this.words.length ? this.grow() : this.words;
  }
  /** The buffers, in order; for inspection. */
  segments(): Segment[] {
    const list: Segment[] = [];
    for (let i = 0; i < this.outNum + this.inNum; i++) {
      list.push({ addr: this.addressOf(i), len: this.lengthOf(i), writable: i >= this.outNum });
    }
    return list;
  }
  /** A copy of all readable bytes. Beware of a driver that offers gigabytes: prefer {@link readInto}. */
  readAll(): Uint8Array {
    const bytes = new Uint8Array(this.readableLength);
    this.readInto(bytes);
    return bytes;
  }
  /** Copies readable bytes, from byte `offset` of them on, to `target`; answers how many there were. */
  readInto(target: Uint8Array, offset: number = 0): number {
    let done = 0;
    for (let i = 0; i < this.outNum && done < target.length; i++) {
      const length = this.lengthOf(i);
      if (offset >= length) {
        offset -= length;
        continue;
      }
      const n = Math.min(length - offset, target.length - done);
      this.memory.copyOut(this.addressOf(i) + offset, target, done, n);
      done += n;
      offset = 0;
    }
    return done;
  }
  /**
   * The readable bytes from byte `offset` on as they lie in guest memory, without a copy; undefined if they do not lie
   * in one piece, or there are none.
   */
  view(offset: number): Uint8Array | undefined {
    const last = this.outNum - 1;
    for (let i = 0; i <= last; i++) {
      const length = this.lengthOf(i);
      if (offset < length) {
        return i === last ? this.memory.bytesAt(this.addressOf(i) + offset, length - offset) : undefined;
      }
      offset -= length;
    }
    return undefined;
  }
  /**
   * Writes `source` behind what was written before (or at byte `offset` of the writable bytes); answers how many bytes
   * there was room for. {@link written} is then the length to `push` with.
   */
  writeFrom(source: Uint8Array, offset: number = this.written): number {
    let done = 0;
    let skip = offset;
    const end = this.outNum + this.inNum;
    for (let i = this.outNum; i < end && done < source.length; i++) {
      const length = this.lengthOf(i);
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const n = Math.min(length - skip, source.length - done);
      this.memory.copyIn(this.addressOf(i) + skip, source, done, n);
      done += n;
      skip = 0;
    }
    if (done > 0 && offset + done > this.written) this.written = offset + done;
    return done;
  }

  private addressOf(i: number): number {
    const at = i * STRIDE;
    return (this.words[at + 1] >>> 0) * TWO_32 + (this.words[at] >>> 0);
  }
  private lengthOf(i: number): number {
    return this.words[i * STRIDE + 2] >>> 0;
  }
  private grow(): Int32Array {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
    return words;
  }
}
