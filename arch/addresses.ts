/**
 * Physical and virtual addresses as branded numbers: passing one for the other does not compile. Numbers, not bigint:
 * a physical address has at most 52 bits, and virtual ones are used in the lower canonical half (below 2^47), so that
 * both are exact as doubles.
 */

declare const phys: unique symbol;
declare const virt: unique symbol;

/** A guest-physical address in bytes, 0 to 2^52 - 1. */
export type PhysAddr = number & { readonly [phys]: true };
/** A guest-virtual address in bytes, lower canonical half. */
export type VirtAddr = number & { readonly [virt]: true };

/** First address that no physical address reaches (Intel SDM 3A, 4.1.4: MAXPHYADDR is at most 52). */
export const PHYS_LIMIT = 2 ** 52;
/** First address past the lower canonical half (Intel SDM 1, 3.3.7.1). */
export const VIRT_LIMIT = 2 ** 47;

/** An address that cannot be: negative, fractional, non-canonical or beyond the physical limit. */
export class AddressError extends Error {
  override name = "AddressError";
}

/**
 * Checks and brands a physical address.
 *
 * ```ts
 * import { physAddr } from "./addresses.ts";
 * console.assert(physAddr(0x1000) === 0x1000);
 * ```
 *
 * @throws {AddressError} if it is not an integer in [0, 2^52).
 */
export function physAddr(n: number): PhysAddr {
  if (!Number.isInteger(n) || n < 0 || n >= PHYS_LIMIT) {
    throw new AddressError(`not a physical address: ${hex(n)} (expected an integer below 2^52)`);
  }
  return n as PhysAddr;
}

/**
 * Checks and brands a virtual address.
 *
 * @throws {AddressError} if it is not an integer in the lower canonical half [0, 2^47).
 */
export function virtAddr(n: number): VirtAddr {
  if (!Number.isInteger(n) || n < 0 || n >= VIRT_LIMIT) {
    throw new AddressError(`not a canonical virtual address: ${hex(n)} (lower half only, below 2^47)`);
  }
  return n as VirtAddr;
}

/** `0x...` for an address; other numbers as they print. */
export function hex(n: number, digits = 0): string {
  return Number.isInteger(n) && n >= 0 ? "0x" + n.toString(16).padStart(digits, "0") : String(n);
}

/** Rounds up to a multiple of `align` (a power of two or any positive integer). */
export const alignUp = (n: number, align: number): number => Math.ceil(n / align) * align;
/** Rounds down to a multiple of `align`. */
export const alignDown = (n: number, align: number): number => Math.floor(n / align) * align;
