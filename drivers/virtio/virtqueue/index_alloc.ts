/**
 * Hands out indices, always the lowest free one: the descriptors of a split ring, the buffer ids of a packed ring
 * (Hermit's `IndexAlloc`). A bit is set for a free index; no word below the hint has one.
 *
 * ```ts
 * import { IndexAlloc } from "./index_alloc.ts";
 * const ids = new IndexAlloc(4);
 * console.assert(ids.allocate() === 0 && ids.allocate() === 1);
 * ids.deallocate(0);
 * console.assert(ids.allocate() === 0 && ids.free === 2);
 * ```
 */
export class IndexAlloc {
  declare readonly length: number;
  /** How many are free. */
  free: number;
  /** The word to look at first. @internal The split ring takes a chain's descriptors in one go. */
  hint: number;
  /** @internal */
  declare readonly bits: Int32Array;

  constructor(length: number) {
    this.length = length;
    this.free = 0;
    this.hint = 0;
    this.bits = new Int32Array((length + 31) >>> 5);
    this.reset();
  }

  /** The lowest free index, or -1 if there is none. */
  allocate(): number {
    if (this.free === 0) return -1;
    const bits = this.bits;
    let word = this.hint;
    let w = bits[word];
    while (w === 0) w = bits[++word];
    this.hint = word;
    this.free--;
    const bit = 31 - Math.clz32(w & -w);
    bits[word] = w & (w - 1);
    return (word << 5) | bit;
  }

  /** Takes this index, which the caller knows to be free: descriptors in ring order (VIRTIO_F_IN_ORDER). */
  take(index: number): void {
    this.bits[index >>> 5] &= ~(1 << (index & 31));
    this.free--;
  }

  /** Gives an allocated index back. The caller knows that it is allocated. */
  deallocate(index: number): void {
    const word = index >>> 5;
    this.bits[word] |= 1 << (index & 31);
    this.free++;
    if (word < this.hint) this.hint = word;
  }

  isFree(index: number): boolean {
    return index >= 0 && index < this.length && (this.bits[index >>> 5] & (1 << (index & 31))) !== 0;
  }

  /** All free indices, lowest first. */
  list(): number[] {
    const result: number[] = [];
    for (let i = 0; i < this.length; i++) if (this.isFree(i)) result.push(i);
    return result;
  }

  /** All indices are free again. */
  reset(): void {
    this.bits.fill(-1);
    const extra = this.length & 31;
    if (extra !== 0) this.bits[this.bits.length - 1] = (1 << extra) - 1;
    this.free = this.length;
    this.hint = 0;
  }
}
