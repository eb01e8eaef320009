import type { Width } from "../../../arch/platform.ts";
import type { Value } from "../check.ts";

export const WIDTHS: readonly Width[] = [1, 2, 4];

/** Hexadecimal of `bytes` bytes, without prefix. */
export const hex = (value: number | bigint, bytes = 4): string => value.toString(16).padStart(2 * bytes, "0");

const ROW = 16;

/**
 * What reads at every offset of a range give: rows of 16 bytes by their offset, one word per access. `step` is how far
 * accesses are apart; 1 also makes the unaligned ones.
 */
export function dump(
  read: (offset: number, width: Width) => number,
  from: number,
  to: number,
  width: Width,
  step = 1,
): Record<string, string> {
  const rows: Record<string, string> = {};
  for (let at = from; at < to; at += ROW) {
    const words: string[] = [];
    for (let i = at; i < Math.min(at + ROW, to); i += step) words.push(hex(read(i, width), width));
    rows[`+${hex(at, 2)}`] = words.join(" ");
  }
  return rows;
}

/** {@link dump} at all three widths: every offset, unaligned ones, too. */
export function dumpAll(read: (offset: number, width: Width) => number, from: number, to: number): Value {
  return Object.fromEntries(WIDTHS.map((width) => [`width ${width}`, dump(read, from, to, width)]));
}
/** {@link dump} at all three widths, naturally aligned accesses only. */
export function dumpAligned(read: (offset: number, width: Width) => number, from: number, to: number): Value {
  return Object.fromEntries(WIDTHS.map((width) => [`width ${width}`, dump(read, from, to, width, width)]));
}
