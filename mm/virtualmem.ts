import { VIRT_LIMIT, type VirtAddr } from "../arch/addresses.ts";
import { PAGE_SIZE } from "./device_alloc.ts";
import { PageRangeAllocator } from "./page_range_alloc.ts";

/**
 * Ranges of virtual pages for the kernel: the upper half of the lower canonical half, as in Hermit. What they are
 * mapped to is the caller's business.
 *
 * ```ts
 * import { VirtualAlloc } from "./virtualmem.ts";
 * console.assert(new VirtualAlloc().allocate(0x3000) === 2 ** 46);
 * ```
 */
export class VirtualAlloc extends PageRangeAllocator {
  /** @param start first address, and @param end the one past the last; multiples of 4 KiB. */
  constructor(start: number = VIRT_LIMIT / 2, end: number = VIRT_LIMIT) {
    super("virtual pages");
    this.add(start, end);
  }

  override allocate(length: number, align: number = PAGE_SIZE): VirtAddr {
    return super.allocate(length, align) as VirtAddr;
  }
}
