/** Fetches what a URL names. */
import type { Task } from "../../executor.ts";
import { formatAddress } from "../../../inet/addresses.ts";
import type { Net } from "../../net/mod.ts";
import { readBody, responseBody } from "./body.ts";
import { HttpError, MAX_HEAD, parseResponse, type Response } from "./head.ts";
import { ByteStream } from "./stream.ts";

/** The parts of a URL. */
export interface Url {
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly target: string;
}

/** An answer's beginning, and whom it came from. */
export interface FetchedHead extends Response {
  /** `10.0.2.2:80` */
  readonly from: string;
}

/** How long each step waits. Nanoseconds. */
const PATIENCE = 30e9;

/** `http://host:port/path`; the scheme may be left out. Undefined if it is none. */
export function parseUrl(text: string): Url | undefined {
  const match = /^(?:http:\/\/)?([A-Za-z0-9._-]+)(?::(\d{1,5}))?(\/[^\s#]*)?(?:#.*)?$/.exec(text);
  if (match === null) return undefined;
  const [, host, port = "80", target = "/"] = match;
  return Number(port) > 0 && Number(port) < 65536 ? { host, port: Number(port), target } : undefined;
}

/**
 * Fetches a URL; the body is handed out in pieces, each valid during the call.
 *
 * @returns the head, and how many bytes the body had.
 * @throws {SocketError} if there is no connection. @throws {HttpError} if the answer makes no sense.
 */
export function* fetchUrl(
  net: Net,
  { host, port, target }: Url,
  piece: (bytes: Uint8Array) => Task<void> | void,
  method = "GET",
): Task<{ head: FetchedHead; length: number }> {
  const [address] = yield* net.resolver.getaddrinfo(host);
  const socket = net.stream();
  try {
    socket.setsockopt("SO_RCVTIMEO", PATIENCE);
    socket.setsockopt("SO_SNDTIMEO", PATIENCE);
    yield* socket.connect({ address, port });
    const name = port === 80 ? host : `${host}:${port}`;
    const request = `${method} ${target} HTTP/1.1\r\nHost: ${name}\r\nUser-Agent: Pagurus\r\n` +
      "Accept: */*\r\nConnection: close\r\n\r\n";
    yield* socket.send(new TextEncoder().encode(request));
    const stream = new ByteStream(socket);
    const head = yield* readHead(stream);
    const length = yield* readBody(stream, responseBody(head.fields, head.status, method), Infinity, piece);
    return { head: { ...head, from: `${formatAddress(address)}:${port}` }, length };
  } finally {
    socket.close();
  }
}

/** The head of the final answer: those that only say "go on" are passed over (RFC 9110, 15.2). */
function* readHead(stream: ByteStream): Task<Response> {
  for (let looked = 0;;) {
    const head = stream.takeHead(looked);
    if (typeof head !== "number") {
      const response = parseResponse(head);
      if (response === undefined) throw new HttpError(502, "the answer is no HTTP");
      if (response.status >= 200) return response;
      looked = 0;
      continue;
    }
    looked = head;
    if (looked > MAX_HEAD) throw new HttpError(502, "the answer's head is too long");
    if (!(yield* stream.fill())) throw new HttpError(502, "the answer ends too early");
  }
}
