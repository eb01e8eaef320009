/**
 * The x86-64 page table entry (Intel SDM 3A, 4.5, tables 4-15 to 4-20): 64 bits, kept as two 32-bit halves.
 */

/** Sizes of pages in bytes, and nothing else is one. */
export const PageSize = { Base: 2 ** 12, Large: 2 ** 21, Huge: 2 ** 30 } as const;
/** 4 KiB, 2 MiB or 1 GiB, in bytes. */
export type PageSize = typeof PageSize[keyof typeof PageSize];

/**
 * Flags of an entry, at their place in its low half. `NoExecute` is bit 63 of the entry and stands here as bit 31,
 * where the low half holds address bits; so all flags fit in one number.
 */
export const PageFlag = {
  Present: 0x1,
  Writable: 0x2,
  User: 0x4,
  WriteThrough: 0x8,
  CacheDisable: 0x10,
  Accessed: 0x20,
  Dirty: 0x40,
  /** The entry maps a 2 MiB or 1 GiB page and does not point to a table. */
  Huge: 0x80,
  Global: 0x100,
  NoExecute: 0x8000_0000,
} as const;

/** Flags a caller of `map` may ask for; Present and Huge follow from the page. */
export const MAPPABLE_FLAGS = (PageFlag.Writable | PageFlag.User | PageFlag.WriteThrough |
  PageFlag.CacheDisable | PageFlag.Accessed | PageFlag.Dirty | PageFlag.Global | PageFlag.NoExecute) >>> 0;

/** Bit 63 in the high half. */
const HIGH_NO_EXECUTE = 0x8000_0000;

/** Low half of a present entry: the address' bits 12 to 31 and the flags. */
export function entryLow(phys: number, flags: number): number {
  return ((phys % 2 ** 32) | (flags & 0x1ff) | PageFlag.Present) >>> 0;
}

/** High half of an entry: the address' bits 32 to 51 and NoExecute. */
export function entryHigh(phys: number, flags: number): number {
  return (Math.floor(phys / 2 ** 32) | (flags & PageFlag.NoExecute ? HIGH_NO_EXECUTE : 0)) >>> 0;
}

/** Address in an entry, in bytes: bits 12 to 51; of a larger page only the bits from its size up (bit 12 is PAT). */
export function entryAddress(low: number, high: number, size: number): number {
  return (high & 0xf_ffff) * 2 ** 32 + ((low & -size) >>> 0);
}

/** The flags of an entry, as in {@link PageFlag}. */
export function entryFlags(low: number, high: number): number {
  return ((low & 0x1ff) | (high & HIGH_NO_EXECUTE ? PageFlag.NoExecute : 0)) >>> 0;
}

const NAMES: readonly (readonly [string, number])[] = [
  ["PRESENT", PageFlag.Present],
  ["WRITABLE", PageFlag.Writable],
  ["USER", PageFlag.User],
  ["WRITE_THROUGH", PageFlag.WriteThrough],
  ["NO_CACHE", PageFlag.CacheDisable],
  ["ACCESSED", PageFlag.Accessed],
  ["DIRTY", PageFlag.Dirty],
  ["HUGE_PAGE", PageFlag.Huge],
  ["GLOBAL", PageFlag.Global],
  ["NO_EXECUTE", PageFlag.NoExecute],
];

/**
 * Names of the flags that are set, lowest bit first.
 *
 * ```ts
 * import { flagNames, PageFlag } from "./page_table_entry.ts";
 * console.assert(flagNames(PageFlag.Present | PageFlag.Writable).join("|") === "PRESENT|WRITABLE");
 * ```
 */
export function flagNames(flags: number): string[] {
  return NAMES.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
}
