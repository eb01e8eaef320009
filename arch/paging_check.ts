import { hex, VIRT_LIMIT, type VirtAddr } from "./addresses.ts";
import { PagingError } from "./paging_types.ts";

/** Bytes that one entry of a table of that level spans; index 0 is unused. */
export const SPAN = [0, 2 ** 12, 2 ** 21, 2 ** 30, 2 ** 39] as const;

/** The level of the tables that map pages of `size`. @throws {PagingError} if the arguments name no pages. */
export function checkPages(virt: VirtAddr, size: number, count: number, what: string): number {
  const level = SPAN.indexOf(size as 0);
  if (level < 1 || level > 3) {
    throw new PagingError(
      "BadArgument",
      `${what} ${hex(virt)}: ${size} is no page size (4 KiB, 2 MiB, 1 GiB)`,
    );
  }
  if (!Number.isInteger(count) || count < 1) {
    throw new PagingError("BadArgument", `${what} ${hex(virt)}: ${count} is not a number of pages`);
  }
  checkCanonical(virt, what);
  checkCanonical(virt + size * count - 1, what);
  if (virt % size !== 0) {
    throw new PagingError("Misaligned", `${what} ${hex(virt)}: not a multiple of ${hex(size)}`);
  }
  return level;
}

/** @throws {PagingError} unless `virt` is in the lower canonical half; `what` was to be done, for the message. */
export function checkCanonical(virt: number, what: string): void {
  if (!Number.isInteger(virt) || virt < 0 || virt >= VIRT_LIMIT) {
    throw new PagingError(
      "NonCanonical",
      `${what} ${hex(virt)}: not a canonical address of the lower half (below 2^47)`,
    );
  }
}
