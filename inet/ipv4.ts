/** The IPv4 header (RFC 791, 3.1). Options are skipped when read and never written. */
import { readAddress, writeAddress } from "./addresses.ts";
import { checksum, sumBytes } from "./checksum.ts";

/** Bytes of a header without options. */
export const IPV4_HEADER = 20;
/** Bytes of the longest packet. */
export const IPV4_MAX = 65535;
/** Every host takes packets of this size (RFC 791, 3.1; the smallest MTU is 68). */
export const IPV4_MIN_MTU = 68;
export const DEFAULT_TTL = 64;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

/** Bits of the fragment word. */
const DONT_FRAGMENT = 0x4000, MORE_FRAGMENTS = 0x2000, OFFSET = 0x1fff;

/** What is wrong with a header; `fragment`: its end would lie beyond {@link IPV4_MAX}. */
export type Ipv4Error =
  | "truncated"
  | "version"
  | "header length"
  | "total length"
  | "checksum"
  | "fragment";

/** A header's fields; one object serves for any number of packets. */
export class Ipv4Header {
  /** Offset of the header in its bytes. */
  start = 0;
  /** Offset of the payload. */
  payload = 0;
  /** Offset behind the payload, by the header's total length: padding of the frame is left out. */
  end = 0;
  /** Type of service: DSCP and ECN. */
  tos = 0;
  id = 0;
  dontFragment = false;
  moreFragments = false;
  /** Bytes (not units of 8) of the datagram before this fragment's payload. */
  fragmentOffset = 0;
  ttl = 0;
  protocol = 0;
  source = 0;
  destination = 0;

  /** Whether this is a piece of a datagram that must be put together. */
  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset !== 0;
  }
}

/**
 * Reads the packet in [at, end) into `header`; undefined if all is well.
 *
 * @param trusted the header's checksum needs no look.
 */
export function readIpv4(
  header: Ipv4Header,
  bytes: Uint8Array,
  at: number,
  end: number,
  trusted = false,
): Ipv4Error | undefined {
  const wrong = readFields(header, bytes, at, end);
  if (wrong !== undefined) return wrong;
  if (header.end > end || header.end < header.payload) return "total length";
  if (!trusted && sumBytes(bytes, at, header.payload) !== 0xffff) return "checksum";
  if (header.fragmentOffset + (header.end - at) > IPV4_MAX) return "fragment";
  return undefined;
}

/**
 * Reads a packet whose beginning an ICMP error quotes (RFC 792): it may be cut off, and its checksum is not looked at.
 * `header.end` is where the quotation ends.
 */
export function readQuotedIpv4(
  header: Ipv4Header,
  bytes: Uint8Array,
  at: number,
  end: number,
): Ipv4Error | undefined {
  const wrong = readFields(header, bytes, at, end);
  if (wrong !== undefined) return wrong;
  if (header.end < header.payload) return "total length";
  if (header.end > end) header.end = end;
  return undefined;
}

function readFields(header: Ipv4Header, bytes: Uint8Array, at: number, end: number): Ipv4Error | undefined {
  if (end - at < IPV4_HEADER) return "truncated";
  const first = bytes[at];
  if (first >>> 4 !== 4) return "version";
  const length = (first & 15) * 4;
  if (length < IPV4_HEADER || at + length > end) return "header length";
  header.start = at;
  header.payload = at + length;
  header.tos = bytes[at + 1];
  header.end = at + (bytes[at + 2] << 8 | bytes[at + 3]);
  header.id = bytes[at + 4] << 8 | bytes[at + 5];
  const fragment = bytes[at + 6] << 8 | bytes[at + 7];
  header.dontFragment = (fragment & DONT_FRAGMENT) !== 0;
  header.moreFragments = (fragment & MORE_FRAGMENTS) !== 0;
  header.fragmentOffset = (fragment & OFFSET) * 8;
  header.ttl = bytes[at + 8];
  header.protocol = bytes[at + 9];
  header.source = readAddress(bytes, at + 12);
  header.destination = readAddress(bytes, at + 16);
  return undefined;
}

/**
 * Writes a header of {@link IPV4_HEADER} bytes with its checksum at `at`; returns the payload's offset.
 *
 * @param length bytes of payload.
 * @param id matters only where the packet may be fragmented (RFC 6864).
 */
export function writeIpv4(
  bytes: Uint8Array,
  at: number,
  source: number,
  destination: number,
  protocol: number,
  length: number,
  id: number,
  ttl = DEFAULT_TTL,
  dontFragment = true,
): number {
  return writeFragment(
    bytes,
    at,
    source,
    destination,
    protocol,
    length,
    id,
    ttl,
    dontFragment ? DONT_FRAGMENT : 0,
  );
}

/**
 * Writes the header of a fragment: `length` bytes of payload that begin `offset` bytes (a multiple of 8) into the
 * datagram; `more` if others follow.
 */
export function writeIpv4Fragment(
  bytes: Uint8Array,
  at: number,
  source: number,
  destination: number,
  protocol: number,
  length: number,
  id: number,
  ttl: number,
  offset: number,
  more: boolean,
): number {
  const word = offset / 8 | (more ? MORE_FRAGMENTS : 0);
  return writeFragment(bytes, at, source, destination, protocol, length, id, ttl, word);
}

function writeFragment(
  bytes: Uint8Array,
  at: number,
  source: number,
  destination: number,
  protocol: number,
  length: number,
  id: number,
  ttl: number,
  fragment: number,
): number {
  const total = IPV4_HEADER + length;
  bytes[at] = 0x45;
  bytes[at + 1] = 0;
  bytes[at + 2] = total >>> 8;
  bytes[at + 3] = total;
  bytes[at + 4] = id >>> 8;
  bytes[at + 5] = id;
  bytes[at + 6] = fragment >>> 8;
  bytes[at + 7] = fragment;
  bytes[at + 8] = ttl;
  bytes[at + 9] = protocol;
  bytes[at + 10] = 0;
  bytes[at + 11] = 0;
  writeAddress(bytes, at + 12, source);
  writeAddress(bytes, at + 16, destination);
  const check = checksum(bytes, at, at + IPV4_HEADER);
  bytes[at + 10] = check >>> 8;
  bytes[at + 11] = check;
  return at + IPV4_HEADER;
}
