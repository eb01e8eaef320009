/** DNS messages (RFC 1035, 4): questions and answers, as a resolver and a small server need them. */
import { readAddress, writeAddress } from "./addresses.ts";

export const DNS_PORT = 53;
/** Bytes of a message over UDP without EDNS (RFC 1035, 2.3.4). */
export const DNS_MAX = 512;

export const DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_PTR = 12, DNS_TYPE_AAAA = 28;
export const DNS_CLASS_IN = 1;
/** Response codes (RFC 1035, 4.1.1). */
export const DNS_OK = 0, DNS_FORMAT_ERROR = 1, DNS_SERVER_FAILURE = 2, DNS_NO_SUCH_NAME = 3;
export const DNS_NOT_IMPLEMENTED = 4, DNS_REFUSED = 5;

/** A name has no more labels than this. */
const MAX_JUMPS = 127;
const HEADER = 12, MAX_NAME = 255, MAX_LABEL = 63, POINTER = 0xc0;
const RESPONSE = 0x8000, AUTHORITATIVE = 0x0400, TRUNCATED = 0x0200, RECURSION = 0x0100, AVAILABLE = 0x0080;

/** What is wrong with a message. */
export type DnsError = "truncated" | "name";

export interface DnsQuestion {
  /** Without the last dot; letters as they came. Dots and other bytes inside a label are written `\DDD`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface DnsRecord extends DnsQuestion {
  /** Seconds. */
  readonly ttl: number;
  /** What an A record says. */
  readonly address?: number;
  /** What a CNAME or PTR record says. */
  readonly target?: string;
}

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  /** More did not fit. */
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly code: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
}

/** Reads a message up to its answers; a string says what is wrong with it. */
export function decodeDns(bytes: Uint8Array): DnsMessage | DnsError {
  if (bytes.length < HEADER) return "truncated";
  const flags = bytes[2] << 8 | bytes[3];
  const cursor = { at: HEADER };
  const questions: DnsQuestion[] = [];
  for (let left = bytes[4] << 8 | bytes[5]; left > 0; left--) {
    const name = readName(bytes, cursor);
    if (name === undefined) return "name";
    if (cursor.at + 4 > bytes.length) return "truncated";
    questions.push({ name, type: half(bytes, cursor.at), class: half(bytes, cursor.at + 2) });
    cursor.at += 4;
  }
  const answers: DnsRecord[] = [];
  // A message that says that it is truncated may end in the middle.
  for (let left = bytes[6] << 8 | bytes[7]; left > 0 && cursor.at < bytes.length; left--) {
    const record = readRecord(bytes, cursor);
    if (typeof record !== "string") answers.push(record);
    else if ((flags & TRUNCATED) !== 0) break;
    else return record;
  }
  if (answers.length < half(bytes, 6) && (flags & TRUNCATED) === 0) return "truncated";
  return {
    id: half(bytes, 0),
    response: (flags & RESPONSE) !== 0,
    opcode: flags >>> 11 & 15,
    authoritative: (flags & AUTHORITATIVE) !== 0,
    truncated: (flags & TRUNCATED) !== 0,
    recursionDesired: (flags & RECURSION) !== 0,
    recursionAvailable: (flags & AVAILABLE) !== 0,
    code: flags & 15,
    questions,
    answers,
  };
}

/** A question for the addresses of a name, recursion desired; undefined if no such name can exist. */
export function encodeDnsQuery(id: number, name: string, type = DNS_TYPE_A): Uint8Array | undefined {
  return encode(id, RECURSION, [{ name, type, class: DNS_CLASS_IN }], []);
}

/**
 * An answer to `query`, with its question. Records that do not fit into `limit` bytes are left out, and the message says
 * so. Undefined if a name cannot exist.
 */
export function encodeDnsAnswer(
  query: DnsMessage,
  code: number,
  answers: readonly DnsRecord[],
  limit = DNS_MAX,
): Uint8Array | undefined {
  const flags = RESPONSE | query.opcode << 11 | (query.recursionDesired ? RECURSION : 0) | AVAILABLE | code;
  return encode(query.id, flags, query.questions, answers, limit);
}

/** A name's bytes, uncompressed; undefined if a label or the whole is too long, or empty inside. */
export function encodeDnsName(name: string): Uint8Array | undefined {
  const bytes: number[] = [];
  const text = name.endsWith(".") ? name.slice(0, -1) : name;
  for (const label of text === "" ? [] : text.split(".")) {
    const codes: number[] = [];
    for (let i = 0; i < label.length; i++) {
      const escaped = /^\\(\d{3})/.exec(label.slice(i, i + 4));
      const code = escaped === null ? label.charCodeAt(i) : Number(escaped[1]);
      // Names beyond ASCII come in their encoded form (RFC 5890), or not at all.
      if (escaped === null ? code <= 0x20 || code >= 0x7f || code === 0x5c : code > 255) return undefined;
      codes.push(code);
      if (escaped !== null) i += 3;
    }
    if (codes.length === 0 || codes.length > MAX_LABEL) return undefined;
    bytes.push(codes.length, ...codes);
  }
  bytes.push(0);
  return bytes.length > MAX_NAME ? undefined : Uint8Array.from(bytes);
}

function encode(
  id: number,
  flags: number,
  questions: readonly DnsQuestion[],
  answers: readonly DnsRecord[],
  limit = DNS_MAX,
): Uint8Array | undefined {
  const out: number[] = [id >>> 8, id, flags >>> 8, flags, 0, questions.length, 0, 0, 0, 0, 0, 0];
  const known = new Map<string, number>();
  const push = (name: string): boolean => {
    const before = known.get(name);
    if (before !== undefined) {
      out.push(POINTER | before >>> 8, before);
      return true;
    }
    const bytes = encodeDnsName(name);
    if (bytes === undefined) return false;
    if (out.length < 0x3fff && bytes.length > 2) known.set(name, out.length);
    out.push(...bytes);
    return true;
  };
  for (const question of questions) {
    if (!push(question.name)) return undefined;
    out.push(question.type >>> 8, question.type, question.class >>> 8, question.class);
  }
  let written = 0;
  for (const record of answers) {
    const start = out.length;
    if (!push(record.name)) return undefined;
    const { type, class: kind, ttl } = record;
    out.push(type >>> 8, type, kind >>> 8, kind, ttl >>> 24, ttl >>> 16, ttl >>> 8, ttl, 0, 0);
    const data = out.length;
    if (record.address !== undefined) {
      const bytes = new Uint8Array(4);
      writeAddress(bytes, 0, record.address);
      out.push(...bytes);
    } else if (record.target !== undefined && !push(record.target)) return undefined;
    out[data - 2] = out.length - data >>> 8;
    out[data - 1] = out.length - data;
    if (out.length > limit) {
      out.length = start;
      out[2] |= TRUNCATED >>> 8;
      break;
    }
    written++;
  }
  out[6] = written >>> 8;
  out[7] = written;
  return Uint8Array.from(out);
}

function readRecord(bytes: Uint8Array, cursor: { at: number }): DnsRecord | DnsError {
  const name = readName(bytes, cursor);
  if (name === undefined) return "name";
  const at = cursor.at;
  if (at + 10 > bytes.length) return "truncated";
  const length = half(bytes, at + 8), data = at + 10;
  if (data + length > bytes.length) return "truncated";
  cursor.at = data + length;
  const type = half(bytes, at);
  const record = { name, type, class: half(bytes, at + 2), ttl: readAddress(bytes, at + 4) };
  if (type === DNS_TYPE_A && length === 4) return { ...record, address: readAddress(bytes, data) };
  if (type !== DNS_TYPE_CNAME && type !== DNS_TYPE_PTR) return record;
  const target = readName(bytes, { at: data });
  return target === undefined ? "name" : { ...record, target };
}

/** Reads a name and moves behind it. A pointer must lead backwards, each further than the last: so none leads in circles. */
function readName(bytes: Uint8Array, cursor: { at: number }): string | undefined {
  let at = cursor.at, lowest = cursor.at, length = 1, jumps = 0;
  const labels: string[] = [];
  for (;;) {
    if (at >= bytes.length) return undefined;
    const first = bytes[at];
    if (first >= POINTER) {
      if (at + 1 >= bytes.length) return undefined;
      if (jumps === 0) cursor.at = at + 2;
      at = (first & ~POINTER) << 8 | bytes[at + 1];
      if (at >= lowest || at < HEADER || ++jumps > MAX_JUMPS) return undefined;
      lowest = at;
      continue;
    }
    if (first > MAX_LABEL) return undefined;
    if (first === 0) {
      if (jumps === 0) cursor.at = at + 1;
      return labels.join(".");
    }
    length += first + 1;
    if (length > MAX_NAME || at + 1 + first > bytes.length) return undefined;
    labels.push(labelText(bytes.subarray(at + 1, at + 1 + first)));
    at += first + 1;
  }
}

function labelText(label: Uint8Array): string {
  let text = "";
  for (const byte of label) {
    text += byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}

function half(bytes: Uint8Array, at: number): number {
  return bytes[at] << 8 | bytes[at + 1];
}
