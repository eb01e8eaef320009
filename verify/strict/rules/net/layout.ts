import { foldSum, sumBytes } from "../../../../inet/checksum.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../../../../inet/ethernet.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../../../../inet/ipv4.ts";
import { ETH_HEADER, VLAN_TAG, VLAN_TYPES } from "../../../../spec/virtio/net.ts";

/** Headers of IPv6 that are passed over: hop-by-hop and destination options. Others have rules of their own. */
const IPV6_OPTIONS = [0, 60];
const IPV6_HEADER = 40, IPV4_HEADER = 20;
const TCP_HEADER = 20, UDP_HEADER = 8;

/** Where the parts of an IP packet lie in a frame. Offsets in bytes from the frame's start. */
export interface IpLayout {
  readonly version: 4 | 6;
  /** Of the IP header. */
  readonly ip: number;
  /** Of the transport header. */
  readonly transport: number;
  /** Behind the packet; padding of the frame is left out. */
  readonly end: number;
  /** `TCP` or `UDP`; undefined for others, and for fragments. */
  readonly protocol: "TCP" | "UDP" | undefined;
}

/** Bytes of the Ethernet header with its tags, and what follows it. */
export function ethernetHeader(frame: Uint8Array): { length: number; type: number } {
  let at = ETH_HEADER - 2;
  while (VLAN_TYPES.includes(u16(frame, at) as 0x8100) && at < ETH_HEADER + VLAN_TAG) at += VLAN_TAG;
  return { length: at + 2, type: u16(frame, at) };
}

/** Undefined for what is no IP packet, or not a sound one: lengths that do not fit together. */
export function ipLayout(frame: Uint8Array): IpLayout | undefined {
  const { length, type } = ethernetHeader(frame);
  if (type === ETHERTYPE_IPV4) return ipv4(frame, length);
  if (type === ETHERTYPE_IPV6) return ipv6(frame, length);
  return undefined;
}

function ipv4(frame: Uint8Array, ip: number): IpLayout | undefined {
  const header = (frame[ip] & 15) * 4;
  const end = ip + u16(frame, ip + 2);
  const transport = ip + header;
  if (frame[ip] >>> 4 !== 4 || header < IPV4_HEADER || end > frame.length || end < transport) {
    return undefined;
  }
  const fragment = (u16(frame, ip + 6) & 0x3fff) !== 0;
  const protocol = fragment ? undefined : protocolOf(frame, frame[ip + 9], transport, end);
  return { version: 4, ip, transport, end, protocol };
}

function ipv6(frame: Uint8Array, ip: number): IpLayout | undefined {
  const end = ip + IPV6_HEADER + u16(frame, ip + 4);
  if (frame[ip] >>> 4 !== 6 || end > frame.length) return undefined;
  let next = frame[ip + 6], transport = ip + IPV6_HEADER;
  while (IPV6_OPTIONS.includes(next) && transport + 8 <= end) {
    next = frame[transport];
    transport += 8 * (frame[transport + 1] + 1);
  }
  if (transport > end) return undefined;
  return { version: 6, ip, transport, end, protocol: protocolOf(frame, next, transport, end) };
}

function protocolOf(frame: Uint8Array, number: number, at: number, end: number): IpLayout["protocol"] {
  if (number === PROTOCOL_TCP) return end - at >= TCP_HEADER ? "TCP" : undefined;
  if (number !== PROTOCOL_UDP || end - at < UDP_HEADER) return undefined;
  return u16(frame, at + 4) === end - at ? "UDP" : undefined;
}

/** Where a transport header has its checksum, from its start. */
export const checksumOffset = (protocol: "TCP" | "UDP"): number => protocol === "TCP" ? 16 : 6;

/** Bytes of headers up to the transport's payload. */
export function headersLength(frame: Uint8Array, { transport, protocol }: IpLayout): number {
  return transport + (protocol === "TCP" ? (frame[transport + 12] >>> 4) * 4 : UDP_HEADER);
}

/** The sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1), not complemented. `length` of the transport's bytes. */
export function pseudoSum(
  frame: Uint8Array,
  layout: IpLayout,
  length = layout.end - layout.transport,
): number {
  const { version, ip, protocol } = layout;
  const addresses = version === 4 ? sumBytes(frame, ip + 12, ip + 20) : sumBytes(frame, ip + 8, ip + 40);
  return foldSum(addresses + (protocol === "TCP" ? PROTOCOL_TCP : PROTOCOL_UDP) + length);
}

/** Whether the header of an IPv4 packet has a right checksum; true for IPv6, which has none. */
export const ipHeaderSound = (frame: Uint8Array, { version, ip, transport }: IpLayout): boolean =>
  version === 6 || sumBytes(frame, ip, transport) === 0xffff;

/**
 * Whether the transport's checksum is complete and right. A UDP checksum of 0 says that there is none: over IPv4 always, and
 * over IPv6 in tunnels (RFC 768, RFC 6935).
 */
export function transportSound(frame: Uint8Array, layout: IpLayout): boolean {
  const { transport, end, protocol } = layout;
  if (protocol === undefined) return true;
  if (protocol === "UDP" && u16(frame, transport + 6) === 0) return true;
  return foldSum(sumBytes(frame, transport, end) + pseudoSum(frame, layout)) === 0xffff;
}

/** Big-endian, 0 beyond the end. */
export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0);

/** Whether two sums are the same to ones' complement arithmetic, where 0 and 0xffff are. */
export const sameSum = (a: number, b: number): boolean => a % 0xffff === b % 0xffff;
