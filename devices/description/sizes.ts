import { UsageError } from "./types.ts";

/** Least and most RAM that a machine can have, in bytes: what is more lies above 4 GiB in QEMU and is not modelled. */
export const MIN_MEMORY = 2 * 2 ** 20;
export const MAX_MEMORY = 2 * 2 ** 30;
/** Without `-m`, as QEMU. */
export const DEFAULT_MEMORY = 128 * 2 ** 20;
/** RAM comes in multiples of this many bytes, rounded up (QEMU's vl.c). */
const GRANULE = 8192;

const FACTORS: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/**
 * Bytes of a size in QEMU's words: a number, perhaps with a fraction, and `b`, `k`, `M`, `G` or `T`.
 *
 * ```ts
 * import { parseSize } from "./sizes.ts";
 * console.assert(parseSize("-m", "1.5G", "M") === 1.5 * 2 ** 30);
 * ```
 *
 * @param unit the suffix that a bare number has.
 * @throws {UsageError} if it is no size.
 */
export function parseSize(where: string, text: string, unit = "b"): number {
  const hex = /^0x[0-9a-f]+$/i.test(text);
  const m = hex ? [text, text, ""] : /^(\d+(?:\.\d+)?)([bkmgt]?)$/i.exec(text);
  if (m === null) {
    throw new UsageError(`${where}: '${text}' is not a size (a number and k, M, G or T: 64M, 1G)`);
  }
  const suffix = (m[2] || unit).toLowerCase();
  return Math.floor(Number(m[1]) * FACTORS[suffix]);
}

/** Bytes of RAM for `-m`: megabytes unless a suffix says otherwise, rounded up; 0 is the default. */
export function parseMemory(where: string, text: string): number {
  const asked = parseSize(where, text, "M");
  const bytes = asked === 0 ? DEFAULT_MEMORY : Math.ceil(asked / GRANULE) * GRANULE;
  if (bytes < MIN_MEMORY || bytes > MAX_MEMORY) {
    throw new UsageError(`${where}: ${text} of RAM is not possible (from 2M to 2G)`);
  }
  return bytes;
}

/** The shortest way to write a size: `64M`, `1G`, `4K`. */
export function formatSize(bytes: number): string {
  for (const s of ["g", "m", "k"]) {
    if (bytes % FACTORS[s] === 0) return `${bytes / FACTORS[s]}${s.toUpperCase()}`;
  }
  return `${bytes}b`;
}
