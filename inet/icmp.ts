/** ICMP for IPv4 (RFC 792): echo, destination unreachable, time exceeded. */
import { checksum, sumBytes } from "./checksum.ts";

/** Bytes before an echo's data or an error's quotation. */
export const ICMP_HEADER = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_UNREACHABLE = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

/** Codes of {@link ICMP_UNREACHABLE} (RFC 792; RFC 1122, 3.2.2.1). */
export const UNREACHABLE_NETWORK = 0;
export const UNREACHABLE_HOST = 1;
export const UNREACHABLE_PROTOCOL = 2;
export const UNREACHABLE_PORT = 3;
export const UNREACHABLE_FRAGMENTATION = 4;
export const UNREACHABLE_PROHIBITED = 13;

/** Codes of {@link ICMP_TIME_EXCEEDED}. */
export const EXCEEDED_TTL = 0;
export const EXCEEDED_REASSEMBLY = 1;

/** An error's packet, IP header included, is at most this long (RFC 1812, 4.3.2.3). */
const ERROR_MAX = 576;

/** What is wrong with a message. */
export type IcmpError = "truncated" | "checksum";

/** A message's fields; one object serves for any number of messages. */
export class IcmpMessage {
  type = 0;
  code = 0;
  /** The second word: identifier and sequence number of an echo, next-hop MTU of "fragmentation needed". */
  id = 0;
  sequence = 0;
  /** Where an echo's data or an error's quotation begins. */
  payload = 0;

  /** Whether this is about a packet of ours, so that none may be sent about it (RFC 1122, 3.2.2). */
  get isError(): boolean {
    const { type } = this;
    return type === ICMP_UNREACHABLE || type === ICMP_SOURCE_QUENCH || type === ICMP_REDIRECT ||
      type === ICMP_TIME_EXCEEDED || type === ICMP_PARAMETER_PROBLEM;
  }
  /** The next hop's MTU where an {@link UNREACHABLE_FRAGMENTATION} tells it (RFC 1191, 4); otherwise 0. */
  get nextHopMtu(): number {
    return this.type === ICMP_UNREACHABLE && this.code === UNREACHABLE_FRAGMENTATION ? this.sequence : 0;
  }
}

/** Reads the message in [at, end) into `message`; undefined if all is well. */
export function readIcmp(
  message: IcmpMessage,
  bytes: Uint8Array,
  at: number,
  end: number,
): IcmpError | undefined {
  if (end - at < ICMP_HEADER) return "truncated";
  if (sumBytes(bytes, at, end) !== 0xffff) return "checksum";
  message.type = bytes[at];
  message.code = bytes[at + 1];
  message.id = bytes[at + 4] << 8 | bytes[at + 5];
  message.sequence = bytes[at + 6] << 8 | bytes[at + 7];
  message.payload = at + ICMP_HEADER;
  return undefined;
}

/**
 * Writes a header at `at` and its checksum, over the payload too, which already stands in [at + 8, end).
 *
 * @param id, sequence the second word's halves: see {@link IcmpMessage}.
 */
export function writeIcmp(
  bytes: Uint8Array,
  at: number,
  end: number,
  type: number,
  code: number,
  id: number,
  sequence: number,
): void {
  bytes[at] = type;
  bytes[at + 1] = code;
  bytes[at + 2] = 0;
  bytes[at + 3] = 0;
  bytes[at + 4] = id >>> 8;
  bytes[at + 5] = id;
  bytes[at + 6] = sequence >>> 8;
  bytes[at + 7] = sequence;
  const check = checksum(bytes, at, end);
  bytes[at + 2] = check >>> 8;
  bytes[at + 3] = check;
}

/**
 * Writes an error at `at` about the packet whose IP header begins at `start` of `packet` and which ends at `end`: as much
 * of it is quoted as 576 bytes allow. Whether one may be sent at all (RFC 1122, 3.2.2: not about errors, fragments other
 * than the first, broadcasts) is the caller's to see.
 *
 * @param mtu for {@link UNREACHABLE_FRAGMENTATION}.
 * @returns the offset behind the message.
 */
export function writeIcmpError(
  bytes: Uint8Array,
  at: number,
  type: number,
  code: number,
  packet: Uint8Array,
  start: number,
  end: number,
  mtu = 0,
): number {
  const quoted = Math.min(end - start, ERROR_MAX - 20 - ICMP_HEADER);
  bytes.set(packet.subarray(start, start + quoted), at + ICMP_HEADER);
  const behind = at + ICMP_HEADER + quoted;
  writeIcmp(bytes, at, behind, type, code, 0, mtu);
  return behind;
}
