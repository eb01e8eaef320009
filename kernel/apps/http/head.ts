/** What stands before a body: start line and fields (RFC 9112, 2 to 5). */

/** What is wrong with a request, as the status that tells its sender. */
export class HttpError extends Error {
  override name = "HttpError";
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** Fields by name in lower case. */
export type Fields = Map<string, string>;

/** A request without its body. */
export interface Request {
  readonly method: string;
  /** As it was sent: `/path?query`, or a whole URL. */
  readonly target: string;
  /** 0 or 1: HTTP/1.0 or HTTP/1.1. */
  readonly minor: number;
  readonly fields: Fields;
}

/** An answer without its body. */
export interface Response {
  readonly status: number;
  readonly reason: string;
  readonly minor: number;
  readonly fields: Fields;
}

/** Bytes of a head, and fields in it. */
export const MAX_HEAD = 32768;
const MAX_FIELDS = 100, MAX_TARGET = 8192;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Control characters but the tab; DEL. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const REQUEST_LINE = /^(\S+) (\S+) HTTP\/(\d)\.(\d)$/;
const STATUS_LINE = /^HTTP\/1\.(\d) (\d{3})(?: (.*))?$/;
const DECODER = new TextDecoder("latin1");
/** Fields that may come once only, as two would leave open which counts. */
const SINGLE = ["host", "content-length", "transfer-encoding"];

/** Reads a request's head, empty line included. @throws {HttpError} 400, 414, 431, 505 */
export function parseRequest(head: Uint8Array): Request {
  const lines = linesOf(head);
  const match = REQUEST_LINE.exec(lines[0]);
  if (match === null || !TOKEN.test(match[1])) throw new HttpError(400, "that is no HTTP request");
  const [, method, target, major, minor] = match;
  if (major !== "1") throw new HttpError(505, `HTTP/${major}.${minor} is not spoken here`);
  if (target.length > MAX_TARGET) throw new HttpError(414, "the address is too long");
  const fields = parseFields(lines);
  if (minor !== "0" && !fields.has("host")) throw new HttpError(400, "there is no Host field");
  return { method, target, minor: Math.min(1, Number(minor)), fields };
}

/** Reads an answer's head, empty line included; undefined if it is none. @throws {HttpError} */
export function parseResponse(head: Uint8Array): Response | undefined {
  const lines = linesOf(head);
  const match = STATUS_LINE.exec(lines[0]);
  if (match === null) return undefined;
  const [, minor, status, reason = ""] = match;
  return { status: Number(status), reason, minor: Number(minor), fields: parseFields(lines) };
}

/** Whether a field that is a list of words has `word`. */
export function hasWord(fields: Fields, name: string, word: string): boolean {
  const value = fields.get(name);
  return value !== undefined && value.split(",").some((w) => w.trim().toLowerCase() === word);
}

/** A line ends with CR LF, or with LF alone (RFC 9112, 2.2). The last two are empty. */
function linesOf(head: Uint8Array): string[] {
  return DECODER.decode(head).split(/\r?\n/);
}

function parseFields(lines: string[]): Fields {
  const fields: Fields = new Map();
  if (lines.length - 3 > MAX_FIELDS) throw new HttpError(431, "there are too many fields");
  for (let i = 1; i < lines.length - 2; i++) {
    const line = lines[i], colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    // Blanks before the colon, and lines that go on, are ways to hide a field from others (RFC 9112, 5.1 and 5.2).
    if (!TOKEN.test(name)) throw new HttpError(400, "a field makes no sense");
    const value = line.slice(colon + 1).trim();
    if (CONTROL.test(value)) throw new HttpError(400, `the field ${name} has control characters in it`);
    const before = fields.get(name);
    if (before !== undefined && SINGLE.includes(name)) {
      throw new HttpError(400, `there is more than one ${name}`);
    }
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}
