/**
 * Sequence numbers (RFC 9293, 3.4): 32 bits that wrap, kept as signed integers. Comparisons are of distances, so they hold
 * across the wrap for numbers less than 2^31 apart.
 */

/** How far `a` is after `b`; negative if it is before. */
export function distance(a: number, b: number): number {
  return (a - b) | 0;
}

/** Whether `a` comes before `b`. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** Whether `a` comes after `b`. */
export function after(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** The later of two. */
export function later(a: number, b: number): number {
  return ((a - b) | 0) > 0 ? a : b;
}

/** The earlier of two. */
export function earlier(a: number, b: number): number {
  return ((a - b) | 0) < 0 ? a : b;
}
