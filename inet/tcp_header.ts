/** The TCP header and its options (RFC 9293, 3.1 and 3.2; RFC 7323, 2.2; RFC 2018). */

/** Bytes of a header without options. */
export const TCP_HEADER = 20;
/** Bytes of the longest header. */
export const TCP_HEADER_MAX = 60;
/** Where the checksum lies. */
export const TCP_CHECKSUM = 16;
/** The MSS of those who name none (RFC 9293, 3.7.1). */
export const DEFAULT_MSS = 536;
/** The largest shift of a window (RFC 7323, 2.3). */
export const MAX_WINDOW_SCALE = 14;
/** SACK blocks that fit into the options. */
export const MAX_SACK_BLOCKS = 4;

export const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128;

const OPTION_END = 0,
  OPTION_NOP = 1,
  OPTION_MSS = 2,
  OPTION_SCALE = 3,
  OPTION_SACK_PERMITTED = 4,
  OPTION_SACK = 5;

/** What is wrong with a segment. */
export type TcpHeaderError = "truncated" | "data offset";

/** A segment's fields; one object serves for any number of segments. */
export class TcpHeader {
  sourcePort = 0;
  destinationPort = 0;
  /** Unsigned 32 bits. */
  sequence = 0;
  /** Unsigned 32 bits; counts only with {@link ACK}. */
  acknowledgment = 0;
  flags = 0;
  /** As it stands in the header: not scaled. */
  window = 0;
  urgent = 0;
  /** Offset of the payload. */
  payload = 0;
  /** The MSS option, or 0. */
  mss = 0;
  /** The window scale option's shift, at most {@link MAX_WINDOW_SCALE}; or -1. */
  windowScale = -1;
  sackPermitted = false;
  /** Blocks of a SACK option: pairs of left edge and right edge (exclusive). */
  sackBlocks = 0;
  declare readonly sack: Uint32Array;

  constructor() {
    this.sack = new Uint32Array(2 * MAX_SACK_BLOCKS);
  }
}

/**
 * Reads the segment in [at, end) into `header`; undefined if all is well. The checksum is not looked at. Options that make
 * no sense are left out, and what follows one with an impossible length as well (RFC 9293, 3.2, MUST-7).
 */
export function readTcp(
  header: TcpHeader,
  bytes: Uint8Array,
  at: number,
  end: number,
): TcpHeaderError | undefined {
  if (end - at < TCP_HEADER) return "truncated";
  const length = (bytes[at + 12] >>> 4) * 4;
  if (length < TCP_HEADER || length > end - at) return "data offset";
  header.sourcePort = bytes[at] << 8 | bytes[at + 1];
  header.destinationPort = bytes[at + 2] << 8 | bytes[at + 3];
  header.sequence = word(bytes, at + 4);
  header.acknowledgment = word(bytes, at + 8);
  header.flags = bytes[at + 13];
  header.window = bytes[at + 14] << 8 | bytes[at + 15];
  header.urgent = bytes[at + 18] << 8 | bytes[at + 19];
  header.payload = at + length;
  header.mss = 0;
  header.windowScale = -1;
  header.sackPermitted = false;
  header.sackBlocks = 0;
  if (length > TCP_HEADER) readOptions(header, bytes, at + TCP_HEADER, at + length);
  return undefined;
}

function readOptions(header: TcpHeader, bytes: Uint8Array, at: number, end: number): void {
  while (at < end) {
    const kind = bytes[at];
    if (kind === OPTION_END) return;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) return;
    const length = bytes[at + 1];
    if (length < 2 || at + length > end) return;
    if (kind === OPTION_MSS && length === 4) header.mss = bytes[at + 2] << 8 | bytes[at + 3];
    else if (kind === OPTION_SCALE && length === 3) {
      header.windowScale = Math.min(bytes[at + 2], MAX_WINDOW_SCALE);
    } else if (kind === OPTION_SACK_PERMITTED && length === 2) header.sackPermitted = true;
    else if (kind === OPTION_SACK && length % 8 === 2) {
      const blocks = Math.min((length - 2) / 8, MAX_SACK_BLOCKS);
      for (let i = 0; i < 2 * blocks; i++) header.sack[i] = word(bytes, at + 2 + 4 * i);
      header.sackBlocks = blocks;
    }
    at += length;
  }
}

/**
 * Writes `header`'s fields at `at`, and of the options those that are set: `mss` not 0, `windowScale` not negative,
 * `sackPermitted`, `sackBlocks`. The checksum field is zero. What does not fit is left out.
 *
 * @returns the header's length, a multiple of 4.
 */
export function writeTcp(header: TcpHeader, bytes: Uint8Array, at: number): number {
  bytes[at] = header.sourcePort >>> 8;
  bytes[at + 1] = header.sourcePort;
  bytes[at + 2] = header.destinationPort >>> 8;
  bytes[at + 3] = header.destinationPort;
  putWord(bytes, at + 4, header.sequence);
  putWord(bytes, at + 8, header.acknowledgment);
  bytes[at + 13] = header.flags;
  bytes[at + 14] = header.window >>> 8;
  bytes[at + 15] = header.window;
  bytes[at + 16] = 0;
  bytes[at + 17] = 0;
  bytes[at + 18] = header.urgent >>> 8;
  bytes[at + 19] = header.urgent;
  let to = at + TCP_HEADER;
  if (header.mss !== 0) to = option(bytes, to, OPTION_MSS, 4, header.mss);
  if (header.windowScale >= 0) {
    bytes[to] = OPTION_NOP;
    bytes[to + 1] = OPTION_SCALE;
    bytes[to + 2] = 3;
    bytes[to + 3] = header.windowScale;
    to += 4;
  }
  if (header.sackPermitted) to = option(bytes, to, OPTION_NOP, OPTION_NOP, OPTION_SACK_PERMITTED << 8 | 2);
  const room = at + TCP_HEADER_MAX - to - 4;
  const blocks = Math.min(header.sackBlocks, room >> 3);
  if (blocks > 0) {
    to = option(bytes, to, OPTION_NOP, OPTION_NOP, OPTION_SACK << 8 | 2 + 8 * blocks);
    for (let i = 0; i < 2 * blocks; i++, to += 4) putWord(bytes, to, header.sack[i]);
  }
  bytes[at + 12] = (to - at) / 4 << 4;
  return to - at;
}

/** Stores a finished checksum, or the sum that a device starts from. */
export function setTcpChecksum(bytes: Uint8Array, at: number, check: number): void {
  bytes[at + TCP_CHECKSUM] = check >>> 8;
  bytes[at + TCP_CHECKSUM + 1] = check;
}

function option(bytes: Uint8Array, at: number, first: number, second: number, rest: number): number {
  bytes[at] = first;
  bytes[at + 1] = second;
  bytes[at + 2] = rest >>> 8;
  bytes[at + 3] = rest;
  return at + 4;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]) >>> 0;
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
