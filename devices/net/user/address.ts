/** IPv4 addresses as numbers of 32 bits, the first byte highest. */

/** `a.b.c.d` as a number; undefined if it is no address. */
export function readAddress(text: string): number | undefined {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (m === null) return undefined;
  const bytes = m.slice(1).map(Number);
  if (bytes.some((b) => b > 255)) return undefined;
  return bytes.reduce((all, b) => all * 256 + b, 0);
}

/** A number as `a.b.c.d`. */
export function showAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}

/** The mask of a prefix of this many bits. */
export function maskOf(bits: number): number {
  return bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
}

/** `a & b` without a sign. */
export const and = (a: number, b: number): number => (a & b) >>> 0;
/** Whether the address is one of 127.0.0.0/8. */
export const isLoopback = (address: number): boolean => address >>> 24 === 127;
