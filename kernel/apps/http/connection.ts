import type { Task } from "../../executor.ts";
import { SocketError, type TcpSocket } from "../../net/mod.ts";
import { readBody, requestBody } from "./body.ts";
import type { Content } from "./directory.ts";
import { hasWord, HttpError, MAX_HEAD, parseRequest, type Request } from "./head.ts";
import { ErrorPage, reasonOf } from "./reasons.ts";
import type { HttpServer } from "./server.ts";
import { ByteStream } from "./stream.ts";
import { hasTag, pathOf } from "./target.ts";

/** What is still read of a client that is being hung up on, so that it hears the answer and not a reset. */
const LINGER_BYTES = 262_144, LINGER_TIME = 2e9;
/** A head and a body up to this size leave in one piece. */
const ONE_PIECE = 16_384;
const METHODS = ["GET", "HEAD"];
const KNOWN_METHODS = [...METHODS, "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/** Serves one client until one side has enough. */
export class HttpConnection {
  private readonly stream: ByteStream;
  private readonly encoder = new TextEncoder();
  /** No request is being served: it may be hung up on without loss. */
  idle = true;

  constructor(private readonly server: HttpServer, private readonly socket: TcpSocket) {
    this.stream = new ByteStream(socket);
    socket.setsockopt("TCP_NODELAY", true);
    socket.setsockopt("SO_SNDTIMEO", server.limits.writeTimeout);
  }

  /** Never throws what a client has done. */
  *run(): Task<void> {
    try {
      while (yield* this.serveOne()) this.idle = true;
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
    } finally {
      this.socket.close();
    }
  }

  /** Whether another request may follow. */
  private *serveOne(): Task<boolean> {
    let request: Request | undefined;
    try {
      request = yield* this.readHead();
      if (request === undefined) return false;
      const again = yield* this.answer(request);
      this.server.answered();
      return again;
    } catch (error) {
      const status = error instanceof HttpError ? error.status : isTimeout(error) ? 408 : undefined;
      if (status === undefined) throw error;
      // Silence between two requests is no mistake of the client's.
      if (status === 408 && this.idle) return false;
      this.server.counters.errors++;
      const page = new ErrorPage(status, status === 408 ? "that took too long" : (error as Error).message);
      yield* this.send(page.status, page, request?.method === "HEAD", false);
      yield* this.linger();
      return false;
    }
  }

  /** Waits for a whole head; undefined if the client ends before it begins one. */
  private *readHead(): Task<Request | undefined> {
    const { stream, socket, server } = this, { executor } = server;
    const { idleTimeout, headTimeout } = server.limits;
    let deadline = executor.now() + idleTimeout;
    for (let looked = 0;;) {
      if (looked === 0) stream.skipEmptyLines();
      if (stream.buffered > 0) {
        if (this.idle) deadline = executor.now() + headTimeout;
        this.idle = false;
        const head = stream.takeHead(looked);
        if (typeof head !== "number") return parseRequest(head);
        looked = head;
        if (looked > MAX_HEAD) throw new HttpError(431, "the head is too long");
      }
      // One time for all of it: a byte now and then does not keep a connection.
      socket.setsockopt("SO_RCVTIMEO", Math.max(1, deadline - executor.now()));
      if (yield* stream.fill()) continue;
      if (this.idle) return undefined;
      throw new HttpError(400, "the request ends in the middle");
    }
  }

  private *answer(request: Request): Task<boolean> {
    const { fields, minor, method } = request, { server, socket } = this;
    server.requested();
    const keep = minor === 0
      ? hasWord(fields, "connection", "keep-alive")
      : !hasWord(fields, "connection", "close");
    const length = requestBody(fields, minor);
    const path = pathOf(request);
    const isEcho = path === "/echo" && method === "POST";
    const limit = server.limits.body;
    if (length !== "chunked" && length > limit) {
      throw new HttpError(413, `more than ${limit} bytes are not taken`);
    }
    if (length !== 0) {
      const expectation = fields.get("expect");
      if (expectation !== undefined && expectation.toLowerCase() !== "100-continue") {
        throw new HttpError(417, "that is more than can be expected");
      }
      if (expectation !== undefined && this.stream.buffered === 0) {
        yield* socket.send(this.encoder.encode("HTTP/1.1 100 Continue\r\n\r\n"));
      }
    }
    const echoed = yield* this.readRequestBody(length, limit, isEcho);
    const again = keep && !server.stopping;
    if (echoed !== undefined) {
      yield* this.send(
        200,
        {
          type: fields.get("content-type") ?? "application/octet-stream",
          length: echoed.length,
          body: echoed,
        },
        false,
        again,
      );
      return again;
    }
    if (!KNOWN_METHODS.includes(method)) throw new HttpError(501, `the method ${method} is unknown here`);
    if (!METHODS.includes(method)) {
      const page = new ErrorPage(405, `${method} is not allowed here`);
      yield* this.send(
        405,
        page,
        false,
        again,
        `Allow: ${path === "/echo" ? "POST" : METHODS.join(", ")}\r\n`,
      );
      return again;
    }
    const content = yield* server.directory.get(path);
    if (content === undefined) {
      yield* this.send(404, new ErrorPage(404, "there is nothing here"), method === "HEAD", again);
    } else if (content.etag !== undefined && hasTag(fields.get("if-none-match"), content.etag)) {
      yield* this.send(304, content, true, again);
    } else yield* this.send(200, content, method === "HEAD", again);
    return again;
  }

  /** Takes the body from the stream; gives it if it is wanted. */
  private *readRequestBody(
    length: number | "chunked",
    limit: number,
    wanted: boolean,
  ): Task<Uint8Array | undefined> {
    const pieces: Uint8Array[] = [];
    let total = 0;
    if (length !== 0) {
      this.socket.setsockopt("SO_RCVTIMEO", this.server.limits.bodyTimeout);
      const end = this.server.executor.now() + this.server.limits.bodyTimeout;
      total = yield* readBody(this.stream, length, limit, (bytes) => {
        if (wanted) pieces.push(bytes.slice());
        if (this.server.executor.now() > end) throw new HttpError(408, "that took too long");
      });
    }
    if (!wanted) return undefined;
    const body = new Uint8Array(total);
    let at = 0;
    for (const piece of pieces) {
      body.set(piece, at);
      at += piece.length;
    }
    return body;
  }

  private *send(status: number, content: Content, isHead: boolean, keep: boolean, extra = ""): Task<void> {
    const { type, length, etag, body } = content;
    const head = `HTTP/1.1 ${status} ${reasonOf(status)}\r\nServer: Pagurus\r\n` +
      (status === 304 ? "" : `Content-Type: ${type}\r\nContent-Length: ${length}\r\n`) +
      (etag === undefined ? "" : `ETag: ${etag}\r\n`) + extra +
      `Connection: ${keep ? "keep-alive" : "close"}\r\n\r\n`;
    const hasBody = !isHead && length > 0;
    if (hasBody && body instanceof Uint8Array && length <= ONE_PIECE) {
      const all = new Uint8Array(head.length + length);
      this.encoder.encodeInto(head, all);
      all.set(body, head.length);
      yield* this.sendAll(all);
      return;
    }
    yield* this.sendAll(this.encoder.encode(head));
    if (!hasBody) return;
    if (body instanceof Uint8Array) yield* this.sendAll(body);
    else yield* body((bytes) => this.sendAll(bytes));
  }

  /** @throws {SocketError} EPIPE if the client takes nothing for the time that it is given. */
  private *sendAll(bytes: Uint8Array): Task<void> {
    for (let done = 0; done < bytes.length;) {
      done += yield* this.socket.send(done === 0 ? bytes : bytes.subarray(done));
    }
  }

  /** Says that nothing more comes, and reads on for a while. */
  private *linger(): Task<void> {
    const { socket, stream, server } = this;
    socket.shutdown("SHUT_WR");
    socket.setsockopt("SO_RCVTIMEO", LINGER_TIME);
    const end = server.executor.now() + LINGER_TIME;
    for (let bytes = stream.buffered; bytes < LINGER_BYTES && server.executor.now() < end;) {
      stream.take(stream.buffered);
      if (!(yield* stream.fill())) return;
      bytes += stream.buffered;
    }
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof SocketError && error.code === "EAGAIN" && error.call === "recv";
}
