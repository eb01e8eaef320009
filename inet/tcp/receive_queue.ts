import { type BufferPool, Ring } from "./buffers.ts";
import { after, before, distance } from "./seq.ts";

/** Pieces that wait for what is missing between them; more come only under an attack, and are dropped. */
const MAX_GAPS = 64;

/**
 * What a connection has received and its user has not read: a ring with what is in order, and behind it, at their places,
 * the pieces that are ahead.
 */
export class ReceiveQueue {
  /** The next sequence number that is missing (RCV.NXT). */
  next = 0;
  declare readonly ring: Ring;
  /** Pieces ahead: begin and end of each, in order, never touching; and when each was last added to. */
  declare private readonly starts: number[];
  declare private readonly ends: number[];
  declare private readonly stamps: number[];
  private stamp = 0;

  constructor(pool: BufferPool) {
    this.ring = new Ring(pool);
    this.starts = [];
    this.ends = [];
    this.stamps = [];
  }

  /** Bytes that can be read. */
  get length(): number {
    return this.ring.length;
  }
  /** Pieces that are ahead. */
  get gaps(): number {
    return this.starts.length;
  }

  /**
   * Takes the bytes of [start, end) whose first has the number `sequence`, not before {@link ReceiveQueue.next} and all
   * within what was offered.
   *
   * @returns false if there was no memory, or were too many pieces, for any of it.
   */
  insert(sequence: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { ring } = this;
    const offset = ring.length + distance(sequence, this.next);
    const room = ring.reserve(offset + end - start);
    if (room < offset + end - start) end = start + room - offset;
    if (end <= start) return false;
    const last = (sequence + end - start) | 0;
    if (sequence === this.next) {
      ring.put(offset, bytes, start, end);
      this.advance(last);
      return true;
    }
    if (!this.add(sequence, last)) return false;
    ring.put(offset, bytes, start, end);
    return true;
  }

  /** Whether the bytes in [start, end) are there already; the piece that has them is the first to be told of (RFC 2883, 4). */
  has(start: number, end: number): boolean {
    for (let i = 0; i < this.starts.length; i++) {
      if (before(start, this.starts[i]) || after(end, this.ends[i])) continue;
      this.stamps[i] = ++this.stamp;
      return true;
    }
    return false;
  }

  /** Copies bytes to the user and gives the buffer back if nothing is left. */
  read(target: Uint8Array): number {
    const { ring } = this;
    const count = Math.min(target.length, ring.length);
    if (count === 0) return 0;
    ring.get(0, count, target, 0);
    ring.drop(count);
    if (ring.length === 0 && this.starts.length === 0) ring.release();
    return count;
  }

  /**
   * Writes up to `limit` pieces to `blocks`, as pairs, the one that changed last first (RFC 2018, 4).
   *
   * @param fin the number of a FIN that is there, too.
   */
  blocks(blocks: Uint32Array, at: number, limit: number, fin: number | undefined): number {
    let count = 0, below = Infinity;
    while (count < limit) {
      let best = -1;
      for (let i = 0; i < this.stamps.length; i++) {
        if (this.stamps[i] < below && (best < 0 || this.stamps[i] > this.stamps[best])) best = i;
      }
      if (best < 0) break;
      below = this.stamps[best];
      blocks[at++] = this.starts[best];
      blocks[at++] = this.ends[best] === fin ? this.ends[best] + 1 : this.ends[best];
      count++;
    }
    return count;
  }

  /** Drops everything. */
  clear(): void {
    this.ring.release();
    this.starts.length = 0;
    this.ends.length = 0;
    this.stamps.length = 0;
  }

  /** Everything up to `last` is there now, and so are pieces that touch it. */
  private advance(last: number): void {
    const { starts, ends } = this;
    let taken = 0;
    while (taken < starts.length && !after(starts[taken], last)) {
      if (after(ends[taken], last)) last = ends[taken];
      taken++;
    }
    if (taken > 0) this.remove(0, taken);
    this.ring.length += distance(last, this.next);
    this.next = last;
  }

  private add(start: number, end: number): boolean {
    const { starts, ends, stamps } = this;
    let first = 0;
    while (first < starts.length && before(ends[first], start)) first++;
    let behind = first;
    while (behind < starts.length && !after(starts[behind], end)) behind++;
    if (behind === first) {
      if (starts.length >= MAX_GAPS) return false;
      starts.splice(first, 0, start);
      ends.splice(first, 0, end);
      stamps.splice(first, 0, ++this.stamp);
      return true;
    }
    if (before(start, starts[first])) starts[first] = start;
    ends[first] = after(end, ends[behind - 1]) ? end : ends[behind - 1];
    stamps[first] = ++this.stamp;
    this.remove(first + 1, behind - first - 1);
    return true;
  }

  private remove(at: number, count: number): void {
    if (count === 0) return;
    this.starts.splice(at, count);
    this.ends.splice(at, count);
    this.stamps.splice(at, count);
  }
}
