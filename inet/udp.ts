/** UDP (RFC 768). */
import { PROTOCOL_UDP } from "./ipv4.ts";
import { foldSum, pseudoHeaderSum, sumBytes } from "./checksum.ts";

/** Bytes of a header. */
export const UDP_HEADER = 8;
/** Where the checksum lies in it. */
export const UDP_CHECKSUM = 6;

/** What is wrong with a datagram. */
export type UdpError = "truncated" | "length" | "checksum";

/** A datagram's fields; one object serves for any number of datagrams. */
export class UdpHeader {
  sourcePort = 0;
  destinationPort = 0;
  /** Offsets of the payload. */
  payload = 0;
  end = 0;
}

/**
 * Reads the datagram in [at, end) into `header`; undefined if all is well. A checksum of zero means there is none.
 *
 * @param trusted the checksum needs no look.
 */
export function readUdp(
  header: UdpHeader,
  bytes: Uint8Array,
  at: number,
  end: number,
  source: number,
  destination: number,
  trusted = false,
): UdpError | undefined {
  if (end - at < UDP_HEADER) return "truncated";
  const length = bytes[at + 4] << 8 | bytes[at + 5];
  if (length < UDP_HEADER || length > end - at) return "length";
  if (!trusted && (bytes[at + UDP_CHECKSUM] | bytes[at + UDP_CHECKSUM + 1]) !== 0) {
    const sum = pseudoHeaderSum(source, destination, PROTOCOL_UDP, length) + sumBytes(bytes, at, at + length);
    if (foldSum(sum) !== 0xffff) return "checksum";
  }
  header.sourcePort = bytes[at] << 8 | bytes[at + 1];
  header.destinationPort = bytes[at + 2] << 8 | bytes[at + 3];
  header.payload = at + UDP_HEADER;
  header.end = at + length;
  return undefined;
}

/**
 * Writes a header at `at` for the payload that already stands in [at + 8, end).
 *
 * @param partial leave the checksum to the device: the field gets the sum of the pseudo header.
 */
export function writeUdp(
  bytes: Uint8Array,
  at: number,
  end: number,
  source: number,
  sourcePort: number,
  destination: number,
  destinationPort: number,
  partial = false,
): void {
  const length = end - at;
  bytes[at] = sourcePort >>> 8;
  bytes[at + 1] = sourcePort;
  bytes[at + 2] = destinationPort >>> 8;
  bytes[at + 3] = destinationPort;
  bytes[at + 4] = length >>> 8;
  bytes[at + 5] = length;
  bytes[at + UDP_CHECKSUM] = 0;
  bytes[at + UDP_CHECKSUM + 1] = 0;
  let check = pseudoHeaderSum(source, destination, PROTOCOL_UDP, length);
  if (!partial) {
    check = foldSum(check + sumBytes(bytes, at, end)) ^ 0xffff;
    // Zero would say that there is none; both are the same number in ones' complement.
    if (check === 0) check = 0xffff;
  }
  bytes[at + UDP_CHECKSUM] = check >>> 8;
  bytes[at + UDP_CHECKSUM + 1] = check;
}
