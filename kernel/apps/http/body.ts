/** Bodies (RFC 9112, 6 and 7): how long they are, and what is in them. */
import type { Task } from "../../executor.ts";
import { type Fields, hasWord, HttpError } from "./head.ts";
import type { ByteStream } from "./stream.ts";

/** How a body ends: after so many bytes, with its last chunk, or with the connection. */
export type BodyLength = number | "chunked" | "end";

const MAX_CHUNK_LINE = 256, MAX_TRAILERS = 32;

/** How long a request's body is. @throws {HttpError} 400, 501 */
export function requestBody(fields: Fields, minor: number): number | "chunked" {
  const encoding = fields.get("transfer-encoding"), length = fields.get("content-length");
  if (encoding !== undefined) {
    // Both: one of them is there to deceive somebody (RFC 9112, 6.1).
    if (length !== undefined) throw new HttpError(400, "Content-Length and Transfer-Encoding at once");
    if (minor === 0) throw new HttpError(400, "Transfer-Encoding came after HTTP/1.0");
    if (encoding.toLowerCase() !== "chunked") {
      throw new HttpError(501, `the encoding ${encoding} is unknown here`);
    }
    return "chunked";
  }
  return length === undefined ? 0 : parseLength(length);
}

/** How long an answer's body is. @throws {HttpError} */
export function responseBody(fields: Fields, status: number, method: string): BodyLength {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return 0;
  if (hasWord(fields, "transfer-encoding", "chunked")) return "chunked";
  const length = fields.get("content-length");
  return length === undefined ? "end" : parseLength(length);
}

function parseLength(text: string): number {
  const length = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(length)) {
    throw new HttpError(400, "the Content-Length is no number of bytes");
  }
  return length;
}

/**
 * Reads a body to its end and hands it out in pieces, each valid during the call.
 *
 * @param limit bytes that are taken. @throws {HttpError} 400 if it is broken, 413 if it is longer than `limit`
 */
export function* readBody(
  stream: ByteStream,
  length: BodyLength,
  limit: number,
  piece: (bytes: Uint8Array) => Task<void> | void,
): Task<number> {
  if (length === "chunked") return yield* readChunks(stream, limit, piece);
  if (length !== "end") {
    if (length > limit) throw tooLong(limit);
    yield* readExactly(stream, length, piece);
    return length;
  }
  let total = 0;
  do {
    total += stream.buffered;
    if (total > limit) throw tooLong(limit);
    const waiting = piece(stream.take(stream.buffered));
    if (waiting !== undefined) yield* waiting;
  } while (yield* stream.fill());
  return total;
}

function* readChunks(
  stream: ByteStream,
  limit: number,
  piece: (bytes: Uint8Array) => Task<void> | void,
): Task<number> {
  for (let total = 0;;) {
    const line = yield* stream.takeLine(MAX_CHUNK_LINE);
    const digits = line === undefined ? undefined : /^([0-9a-fA-F]{1,8})[ \t]*(;.*)?$/.exec(line)?.[1];
    if (digits === undefined) throw new HttpError(400, "a chunk has no length");
    const length = parseInt(digits, 16);
    if (length === 0) {
      yield* skipTrailers(stream);
      return total;
    }
    total += length;
    if (total > limit) throw tooLong(limit);
    yield* readExactly(stream, length, piece);
    if ((yield* stream.takeLine(0)) !== "") throw new HttpError(400, "a chunk does not end where it should");
  }
}

function* skipTrailers(stream: ByteStream): Task<void> {
  for (let i = 0; i < MAX_TRAILERS; i++) {
    const line = yield* stream.takeLine(1024);
    if (line === undefined) break;
    if (line === "") return;
  }
  throw new HttpError(400, "the trailer does not end");
}

function* readExactly(
  stream: ByteStream,
  length: number,
  piece: (bytes: Uint8Array) => Task<void> | void,
): Task<void> {
  for (let left = length; left > 0;) {
    if (stream.buffered === 0 && !(yield* stream.fill())) throw new HttpError(400, "the body ends too early");
    const bytes = stream.take(left);
    left -= bytes.length;
    const waiting = piece(bytes);
    if (waiting !== undefined) yield* waiting;
  }
}

function tooLong(limit: number): HttpError {
  return new HttpError(413, `more than ${limit} bytes are not taken`);
}
