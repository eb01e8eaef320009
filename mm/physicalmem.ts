import { alignDown, alignUp, PHYS_LIMIT, type PhysAddr } from "../arch/addresses.ts";
import type { MemoryMapEntry } from "../arch/platform.ts";
import { AllocError, type FrameSource, PAGE_SIZE } from "./device_alloc.ts";
import { PageRangeAllocator } from "./page_range_alloc.ts";

/** Nothing below is given out: the PC's real-mode memory and the hole for firmware. */
export const LOWEST_FRAME = 0x10_0000;

/**
 * The frames of guest RAM: what the memory map calls usable, from 1 MiB on, less what another entry reserves.
 *
 * ```ts
 * import { FrameAlloc } from "./physicalmem.ts";
 * const frames = new FrameAlloc([{ base: 0, length: 0x400_0000, kind: "usable" }]);
 * console.assert(frames.allocate(0x1000) === 0x10_0000);
 * ```
 */
export class FrameAlloc extends PageRangeAllocator implements FrameSource {
  /** @throws {AllocError} if the map leaves no frame. */
  constructor(map: readonly MemoryMapEntry[]) {
    super("frames");
    for (const { start, end } of usable(map)) this.add(start, end);
    if (this.totalBytes() === 0) {
      throw new AllocError("frames: the memory map has no usable memory above 1 MiB");
    }
  }

  override allocate(length: number, align: number = PAGE_SIZE): PhysAddr {
    return super.allocate(length, align) as PhysAddr;
  }
}

/** Whole usable pages, sorted and disjoint. Firmware's maps may overlap; a reserved entry wins. */
function usable(map: readonly MemoryMapEntry[]): { start: number; end: number }[] {
  const cuts = map.filter((e) => e.kind !== "usable" && e.length > 0)
    .map((e) => ({ start: alignDown(e.base, PAGE_SIZE), end: alignUp(e.base + e.length, PAGE_SIZE) }))
    .sort((a, b) => a.start - b.start);
  const ranges = map.filter((e) => e.kind === "usable")
    .map((e) => ({
      start: Math.max(alignUp(e.base, PAGE_SIZE), LOWEST_FRAME),
      end: Math.min(alignDown(e.base + e.length, PAGE_SIZE), PHYS_LIMIT),
    }))
    .sort((a, b) => a.start - b.start);
  const result: { start: number; end: number }[] = [];
  let covered = 0;
  for (const range of ranges) {
    let at = Math.max(range.start, covered);
    for (const cut of cuts) {
      if (cut.end <= at || cut.start >= range.end) continue;
      if (cut.start > at) result.push({ start: at, end: cut.start });
      at = cut.end;
    }
    if (at < range.end) result.push({ start: at, end: range.end });
    covered = Math.max(covered, range.end);
  }
  return result;
}
