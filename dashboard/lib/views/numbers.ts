/** Numbers in little-endian bytes. */
export const u16 = (b: Uint8Array, at: number): number => b[at] | b[at + 1] << 8;
/** Unsigned. */
export const u32 = (b: Uint8Array, at: number): number => (u16(b, at) | u16(b, at + 2) << 16) >>> 0;
/** Exact up to 2^53; what lies above loses its lowest bits. */
export const u64 = (b: Uint8Array, at: number): number => u32(b, at + 4) * 2 ** 32 + u32(b, at);

/** `0x1f`; with `digits` at least that many. */
export const hex = (n: number, digits = 1): string => `0x${n.toString(16).padStart(digits, "0")}`;

/** `12,345`: thousands apart. */
export const count = (n: number): string => n.toLocaleString("en");

/** `1.234567 ms`: virtual nanoseconds as a time that can be read. */
export function time(ns: number): string {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(3)} µs`;
  return ns < 1e9 ? `${(ns / 1e6).toFixed(3)} ms` : `${(ns / 1e9).toFixed(6)} s`;
}

/** `4 KiB`: bytes in the largest unit that they are whole in. */
export function size(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (unit < 4 && bytes >= 1024 && bytes % 1024 === 0) {
    bytes /= 1024;
    unit++;
  }
  return bytes === 1 && unit === 0 ? "1 byte" : `${bytes} ${units[unit]}`;
}

/** `once`, `3 times`. */
export const times = (n: number): string => n === 1 ? "once" : n === 0 ? "never" : `${count(n)} times`;
