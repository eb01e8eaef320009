import { foldSum, sumBytes } from "../../inet/checksum.ts";
import { FIN, PSH, TCP_CHECKSUM, TCP_HEADER } from "../../inet/tcp_header.ts";
import { NetGso } from "../../spec/virtio/net.ts";
import type { FrameOffload } from "./backend.ts";

const TCP = 6;
/** Offsets in an IP header. */
const V4 = { LENGTH: 2, ID: 4, CHECKSUM: 10, ADDRESSES: 12 } as const;
const V6 = { LENGTH: 4, ADDRESSES: 8, SIZE: 40 } as const;
/** Offsets in a TCP header. */
const SEQUENCE = 4, DATA_OFFSET = 12, FLAGS = 13;
/** Where a frame has its type, and bytes of the header that it ends. */
const ETHERTYPE = 12, ETHERNET = 14;

/** Whether what a frame says of itself can be: the checksum's place lies in it, and a long one can be cut. */
export function isPossible(
  frame: Uint8Array,
  { csumStart, csumOffset, gsoType, gsoSize }: FrameOffload,
): boolean {
  if (csumStart + csumOffset + 2 > frame.length) return false;
  if (gsoType === NetGso.NONE) return true;
  if (gsoType !== NetGso.TCPV4 && gsoType !== NetGso.TCPV6) return false;
  const ip = gsoType === NetGso.TCPV4 ? 20 : V6.SIZE;
  if (gsoSize === 0 || csumOffset !== TCP_CHECKSUM || csumStart < ETHERNET + ip) return false;
  return csumStart + TCP_HEADER <= frame.length && headersOf(frame, csumStart) <= frame.length;
}

/**
 * Does what a frame leaves undone: fills in its checksum, or cuts it into segments, each complete. The frame itself is
 * not touched. Each result is valid until the next is asked for.
 *
 * @param offload must be {@link isPossible}.
 */
export function* complete(frame: Uint8Array, offload: FrameOffload): Generator<Uint8Array> {
  if (offload.gsoType !== NetGso.NONE) return yield* cut(frame, offload);
  const copy = frame.slice();
  const at = offload.csumStart + offload.csumOffset;
  // The field holds the pseudo header's sum, and is summed with the rest (virtio 1.4, 5.1.6.2.1).
  store16(copy, at, nonZero(sumBytes(copy, offload.csumStart, copy.length) ^ 0xffff));
  yield copy;
}

/** Segments of a long TCP packet: headers again and again, with their own lengths, numbers, flags and checksums. */
function* cut(frame: Uint8Array, { csumStart, gsoType, gsoSize }: FrameOffload): Generator<Uint8Array> {
  const headers = headersOf(frame, csumStart);
  const v4 = gsoType === NetGso.TCPV4;
  // Tags may stand before the IP header; it ends where TCP's begins.
  const ip = v4 ? ipv4Start(frame, csumStart) : csumStart - V6.SIZE;
  const id = frame[ip + V4.ID] << 8 | frame[ip + V4.ID + 1];
  const sequence = load32(frame, csumStart + SEQUENCE);
  const flags = frame[csumStart + FLAGS];
  const segment = new Uint8Array(headers + Math.min(gsoSize, frame.length - headers));
  segment.set(frame.subarray(0, headers));
  for (let at = headers, n = 0; at < frame.length || n === 0; at += gsoSize, n++) {
    const payload = frame.subarray(at, at + gsoSize);
    const last = at + gsoSize >= frame.length;
    segment.set(payload, headers);
    const length = headers + payload.length;
    if (v4) {
      store16(segment, ip + V4.LENGTH, length - ip);
      store16(segment, ip + V4.ID, id + n);
      store16(segment, ip + V4.CHECKSUM, 0);
      store16(segment, ip + V4.CHECKSUM, sumBytes(segment, ip, csumStart) ^ 0xffff);
    } else store16(segment, ip + V6.LENGTH, length - csumStart);
    store32(segment, csumStart + SEQUENCE, sequence + at - headers);
    segment[csumStart + FLAGS] = last ? flags : flags & ~(FIN | PSH);
    store16(segment, csumStart + TCP_CHECKSUM, 0);
    const addresses = v4
      ? sumBytes(segment, ip + V4.ADDRESSES, ip + V4.ADDRESSES + 8)
      : sumBytes(segment, ip + V6.ADDRESSES, ip + V6.ADDRESSES + 32);
    const sum = addresses + TCP + (length - csumStart) + sumBytes(segment, csumStart, length);
    store16(segment, csumStart + TCP_CHECKSUM, foldSum(sum) ^ 0xffff);
    yield segment.subarray(0, length);
  }
}

/**
 * Whether what stands before the checksum that is still to be filled in is right: the IPv4 header's own checksum, if
 * there is one (virtio 1.4, 5.1.6.4.1).
 */
export function earlierChecksumHolds(frame: Uint8Array, { csumStart }: FrameOffload): boolean {
  let type = ETHERTYPE;
  while (frame[type] === 0x81 && frame[type + 1] === 0x00) type += 4;
  if (frame[type] !== 0x08 || frame[type + 1] !== 0x00) return true;
  const ip = type + 2;
  const end = ip + (frame[ip] & 15) * 4;
  return end > csumStart || sumBytes(frame, ip, end) === 0xffff;
}

/** Bytes of all headers, TCP's options among them; of another protocol up to behind its checksum (virtio 1.4, 5.1.6.4.1). */
export function headerLength(frame: Uint8Array, { csumStart, csumOffset }: FrameOffload): number {
  const isTcp = csumOffset === TCP_CHECKSUM && csumStart + TCP_HEADER <= frame.length;
  return isTcp ? Math.min(headersOf(frame, csumStart), frame.length) : csumStart + csumOffset + 2;
}

/** Bytes of all headers of a TCP frame. */
function headersOf(frame: Uint8Array, tcp: number): number {
  return tcp + Math.max(TCP_HEADER, (frame[tcp + DATA_OFFSET] >> 4) * 4);
}
/** Where an IPv4 header begins that ends at `end`: its first byte says how long it is. */
function ipv4Start(frame: Uint8Array, end: number): number {
  for (let length = 20; length <= 60; length += 4) {
    if (frame[end - length] === (0x40 | length / 4)) return end - length;
  }
  return end - 20;
}
/** A UDP checksum of 0 would mean that there is none (RFC 768). */
function nonZero(sum: number): number {
  return sum === 0 ? 0xffff : sum;
}
function load32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]) >>> 0;
}
function store32(bytes: Uint8Array, at: number, value: number): void {
  store16(bytes, at, value >>> 16);
  store16(bytes, at + 2, value);
}
function store16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
