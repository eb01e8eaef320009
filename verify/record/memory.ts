/** Bytes of a page of recorded memory. */
export const PAGE = 4096;

/** Guest memory as far as it was written: pages by number; what is missing is zero, as RAM is at power on. */
export type Pages = Map<number, Uint8Array>;

/**
 * Writes `bytes` (`repeat` times, if not 0) at an address.
 *
 * @param page gives the page of a number, to be written to.
 */
export function writePages(
  page: (number: number) => Uint8Array,
  address: number,
  bytes: Uint8Array,
  repeat: number,
): void {
  let left = bytes.length * (repeat || 1);
  let at = address, from = 0;
  while (left > 0) {
    const number = Math.floor(at / PAGE), offset = at - number * PAGE;
    const n = Math.min(left, PAGE - offset);
    const target = page(number);
    if (repeat === 0) target.set(bytes.subarray(from, from + n), offset);
    else if (bytes.length === 1) target.fill(bytes[0], offset, offset + n);
    else for (let i = 0; i < n; i++) target[offset + i] = bytes[(from + i) % bytes.length];
    at += n;
    from += n;
    left -= n;
  }
}

interface Versions {
  /** Numbers of the key frames that the copies belong to, rising. */
  readonly frames: number[];
  readonly copies: Uint8Array[];
}

/** Pages at key frames. A page that did not change between two of them is kept once. */
export class PageHistory {
  /** The memory now. */
  readonly live: Pages = new Map();
  private readonly dirty = new Set<number>();
  private readonly versions = new Map<number, Versions>();
  private copies = 0;

  get bytes(): number {
    return (this.copies + this.live.size) * PAGE + this.versions.size * 100;
  }

  write(address: number, bytes: Uint8Array, repeat: number): void {
    writePages(this.livePage, address, bytes, repeat);
  }
  private readonly livePage = (number: number): Uint8Array => {
    this.dirty.add(number);
    let page = this.live.get(number);
    if (page === undefined) this.live.set(number, page = new Uint8Array(PAGE));
    return page;
  };

  /** The memory as it is now is that of key frame `frame`. */
  freeze(frame: number): void {
    for (const number of this.dirty) {
      let v = this.versions.get(number);
      if (v === undefined) this.versions.set(number, v = { frames: [], copies: [] });
      v.frames.push(frame);
      v.copies.push(this.live.get(number)!.slice());
      this.copies++;
    }
    this.dirty.clear();
  }

  /** A page at a key frame; undefined: all zeros. Not to be written to. */
  at(frame: number, number: number): Uint8Array | undefined {
    const v = this.versions.get(number);
    if (v === undefined || v.frames[0] > frame) return undefined;
    let low = 0, high = v.frames.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (v.frames[middle] <= frame) low = middle;
      else high = middle;
    }
    return v.copies[low];
  }
  /** Numbers of the pages that had been written by a key frame. */
  pagesAt(frame: number): number[] {
    const found: number[] = [];
    for (const [number, v] of this.versions) if (v.frames[0] <= frame) found.push(number);
    return found;
  }

  /** Key frames before `frame` are not asked for any more. */
  dropBefore(frame: number): void {
    for (const v of this.versions.values()) {
      let n = 0;
      while (n + 1 < v.frames.length && v.frames[n + 1] <= frame) n++;
      if (n === 0) continue;
      v.frames.splice(0, n);
      v.copies.splice(0, n);
      this.copies -= n;
    }
  }
}
