import { alignUp, hex } from "../arch/addresses.ts";
import { AllocError, PAGE_SIZE } from "./device_alloc.ts";

/** A stretch of pages: [start, end), in bytes. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Gives out ranges of whole pages, first fit, from a list of free ranges that neighbours are joined in. It knows what it
 * was given, so that a range that is not its own, or is free already, is refused.
 *
 * ```ts
 * import { PageRangeAllocator } from "./page_range_alloc.ts";
 * const pages = new PageRangeAllocator("frames");
 * pages.add(0x10_0000, 0x20_0000);
 * console.assert(pages.allocate(0x2000) === 0x10_0000);
 * pages.free(0x10_0000, 0x2000);
 * ```
 */
export class PageRangeAllocator {
  /** Sorted by address; no two touch. */
  private readonly freeList: { start: number; end: number }[] = [];
  private readonly owned: { start: number; end: number }[] = [];
  private freeTotal = 0;
  private total = 0;

  /** @param name what is given out, for messages: `frames`. */
  constructor(readonly name: string) {}

  /** Hands [start, end) over to the allocator. @throws {AllocError} misaligned, or partly its own already. */
  add(start: number, end: number): void {
    this.check(start, end - start, "add");
    if (overlaps(this.owned, start, end)) {
      throw new AllocError(`${this.name}: ${show(start, end)} is partly managed already`);
    }
    insert(this.owned, start, end);
    insert(this.freeList, start, end);
    this.total += end - start;
    this.freeTotal += end - start;
  }

  /**
   * The lowest free range of `length` bytes at a multiple of `align` (a power of two, at least a page).
   *
   * @throws {AllocError} if none is left, or length or alignment are not of whole pages.
   */
  allocate(length: number, align: number = PAGE_SIZE): number {
    this.check(0, length, "allocate");
    if (!(align >= PAGE_SIZE) || !Number.isInteger(Math.log2(align))) {
      throw new AllocError(`${this.name}: cannot align to ${align}`);
    }
    for (let i = 0; i < this.freeList.length; i++) {
      const start = alignUp(this.freeList[i].start, align);
      if (start + length > this.freeList[i].end) continue;
      this.take(i, start, start + length);
      return start;
    }
    throw new AllocError(
      `${this.name}: no ${hex(length)} bytes in one piece (free: ${hex(this.freeTotal)}, ` +
        `largest piece ${hex(this.largestFree())})`,
    );
  }

  /** Takes exactly this range. @throws {AllocError} if it is not wholly free here. */
  allocateAt(start: number, length: number): void {
    this.check(start, length, "allocate");
    const i = lastAt(this.freeList, start);
    if (i < 0 || this.freeList[i].end < start + length) {
      throw new AllocError(`${this.name}: ${show(start, start + length)} is not free`);
    }
    this.take(i, start, start + length);
  }

  /** Takes a range back, or a part of one. @throws {AllocError} for a foreign, misaligned or (partly) free one. */
  free(start: number, length: number): void {
    this.check(start, length, "free");
    const end = start + length;
    const i = lastAt(this.owned, start);
    if (i < 0 || this.owned[i].end < end) {
      throw new AllocError(`${this.name}: ${show(start, end)} does not belong here`);
    }
    if (overlaps(this.freeList, start, end)) {
      throw new AllocError(`${this.name}: ${show(start, end)} is (partly) free already: freed twice`);
    }
    insert(this.freeList, start, end);
    this.freeTotal += length;
  }

  /** Bytes that are managed, free or not. */
  totalBytes(): number {
    return this.total;
  }
  /** Bytes that are free. */
  freeBytes(): number {
    return this.freeTotal;
  }
  /** Longest free piece in bytes. */
  largestFree(): number {
    return this.freeList.reduce((most, r) => Math.max(most, r.end - r.start), 0);
  }
  /** The free ranges, by address. */
  freeRanges(): PageRange[] {
    return this.freeList.map(({ start, end }) => ({ start, end }));
  }

  private take(i: number, start: number, end: number): void {
    const range = this.freeList[i];
    if (range.start < start && end < range.end) {
      this.freeList.splice(i + 1, 0, { start: end, end: range.end });
      range.end = start;
    } else if (range.start < start) range.end = start;
    else if (end < range.end) range.start = end;
    else this.freeList.splice(i, 1);
    this.freeTotal -= end - start;
  }

  private check(start: number, length: number, what: string): void {
    if (!Number.isSafeInteger(start) || start < 0 || start % PAGE_SIZE !== 0) {
      throw new AllocError(`${this.name}: cannot ${what} at ${hex(start)}: not the start of a page`);
    }
    if (!Number.isSafeInteger(length) || length <= 0 || length % PAGE_SIZE !== 0) {
      throw new AllocError(`${this.name}: cannot ${what} ${length} bytes: not whole pages`);
    }
  }
}

type Range = { start: number; end: number };
const show = (start: number, end: number) => `${hex(start)} to ${hex(end)}`;

/** Index of the last range that starts at or below `at`; -1 if all start above. */
function lastAt(list: readonly Range[], at: number): number {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle].start <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function overlaps(list: readonly Range[], start: number, end: number): boolean {
  const i = lastAt(list, start);
  return (i >= 0 && list[i].end > start) || (i + 1 < list.length && list[i + 1].start < end);
}

/** Puts a range that overlaps none into the list and joins it with those it touches. */
function insert(list: Range[], start: number, end: number): void {
  const i = lastAt(list, start);
  const before = i >= 0 && list[i].end === start;
  const after = i + 1 < list.length && list[i + 1].start === end;
  if (before && after) {
    list[i].end = list[i + 1].end;
    list.splice(i + 1, 1);
  } else if (before) list[i].end = end;
  else if (after) list[i + 1].start = start;
  else list.splice(i + 1, 0, { start, end });
}
