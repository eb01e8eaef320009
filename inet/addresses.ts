/** Addresses: IPv4 as an unsigned 32-bit number, MAC as six bytes. */

/** 0.0.0.0: no address, or any. */
export const UNSPECIFIED = 0;
/** 255.255.255.255: everyone on this wire (RFC 919). */
export const BROADCAST = 0xffffffff;
/** 127.0.0.1 */
export const LOOPBACK = 0x7f000001;

/** The address that the big-endian bytes at `at` hold. */
export function readAddress(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]) >>> 0;
}

/** Stores an address as four big-endian bytes. */
export function writeAddress(bytes: Uint8Array, at: number, address: number): void {
  bytes[at] = address >>> 24;
  bytes[at + 1] = address >>> 16;
  bytes[at + 2] = address >>> 8;
  bytes[at + 3] = address;
}

/** `a.b.c.d` with four decimal numbers, as RFC 6943 3.1.1 calls strict; anything else is undefined. */
export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (parts === null) return undefined;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const part = Number(parts[i]);
    if (part > 255 || (parts[i].length > 1 && parts[i][0] === "0")) return undefined;
    address = address * 256 + part;
  }
  return address;
}

/** An address as `a.b.c.d`. */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${address >>> 16 & 255}.${address >>> 8 & 255}.${address & 255}`;
}

/** 224.0.0.0/4 (RFC 5771). */
export function isMulticast(address: number): boolean {
  return address >>> 28 === 14;
}

/** 127.0.0.0/8 */
export function isLoopback(address: number): boolean {
  return address >>> 24 === 127;
}

/** A network: an address and how many of its leading bits belong to the network. */
export interface Cidr {
  /** As it was written: host bits may be set (`10.0.2.15/24`). */
  readonly address: number;
  /** 0 to 32. */
  readonly prefix: number;
}

/** The netmask of a prefix length: 24 gives 255.255.255.0. */
export function netmask(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}

/** The prefix length of a netmask, or undefined if its ones are not all in front. */
export function prefixOf(mask: number): number | undefined {
  const prefix = Math.clz32(~mask >>> 0);
  return netmask(prefix) === mask ? prefix : undefined;
}

/** `10.0.2.0/24`, or with a netmask as QEMU allows: `10.0.2.0/255.255.255.0`. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const rest = text.slice(slash + 1);
  const mask = parseAddress(rest);
  const prefix = mask !== undefined ? prefixOf(mask) : /^\d{1,2}$/.test(rest) ? Number(rest) : undefined;
  return address === undefined || prefix === undefined || prefix > 32 ? undefined : { address, prefix };
}

/** `10.0.2.15/24` */
export function formatCidr({ address, prefix }: Cidr): string {
  return `${formatAddress(address)}/${prefix}`;
}

/** The network's own address: host bits zero. */
export function networkOf({ address, prefix }: Cidr): number {
  return (address & netmask(prefix)) >>> 0;
}

/** The network's broadcast address: host bits one. */
export function broadcastOf({ address, prefix }: Cidr): number {
  return (address | ~netmask(prefix)) >>> 0;
}

/** Whether an address lies in a network. */
export function inNetwork({ address, prefix }: Cidr, other: number): boolean {
  return ((address ^ other) & netmask(prefix)) === 0;
}

/** Bytes of a MAC address. */
export const MAC_LENGTH = 6;

/** `52:54:00:12:34:56` (or with `-`), each part one or two hexadecimal digits; anything else is undefined. */
export function parseMac(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-f]{1,2}([:-])[0-9a-f]{1,2}(\1[0-9a-f]{1,2}){4}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => parseInt(part, 16));
}

/** The MAC address at `at` as `52:54:00:12:34:56`. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  return Array.from(bytes.subarray(at, at + MAC_LENGTH), (b) => b.toString(16).padStart(2, "0")).join(":");
}

/** Copies a MAC address. */
export function copyMac(to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number): void {
  for (let i = 0; i < MAC_LENGTH; i++) to[toAt + i] = from[fromAt + i];
}

/** Whether two MAC addresses are the same. */
export function sameMac(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; i < MAC_LENGTH; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** ff:ff:ff:ff:ff:ff */
export function isBroadcastMac(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAC_LENGTH; i++) if (bytes[at + i] !== 0xff) return false;
  return true;
}

/** The group bit: multicast, or broadcast (IEEE 802, 8.2.2). */
export function isGroupMac(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] & 1) !== 0;
}
