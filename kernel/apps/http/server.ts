import { type Executor, sleep, type Task } from "../../executor.ts";
import { type Net, SocketError, type TcpSocket } from "../../net/mod.ts";
import { HttpConnection } from "./connection.ts";
import type { Directory } from "./directory.ts";
import { ErrorPage, reasonOf } from "./reasons.ts";

/** What a client may cost. Times in nanoseconds of machine time. */
export interface ServerLimits {
  /** Connections at once; more are told so and closed. */
  readonly connections: number;
  /** Silence between two requests. */
  readonly idleTimeout: number;
  /** From the first byte of a head to its last. */
  readonly headTimeout: number;
  /** The same for a body. */
  readonly bodyTimeout: number;
  /** How long a client may take nothing of an answer. */
  readonly writeTimeout: number;
  /** Bytes of a request's body. */
  readonly body: number;
}

const LIMITS: ServerLimits = {
  connections: 4096,
  idleTimeout: 15e9,
  headTimeout: 10e9,
  bodyTimeout: 30e9,
  writeTimeout: 20e9,
  body: 1 << 20,
};
const BACKLOG = 1024;
/** How long the server waits when there is no room for another socket. */
const BREATH = 10e6;

/** A web server. */
export class HttpServer {
  readonly limits: ServerLimits;
  readonly counters = { connections: 0, requests: 0, errors: 0, refused: 0 };
  /** No new requests are taken. */
  stopping = false;
  /** Connections that are being served. */
  open = 0;
  private socket: TcpSocket | undefined;

  /** @param requests how many are answered before the server stops by itself. */
  constructor(
    private readonly net: Net,
    readonly directory: Directory,
    limits: Partial<ServerLimits> = {},
    private readonly requests = Infinity,
  ) {
    this.limits = { ...LIMITS, ...limits };
  }

  get executor(): Executor {
    return this.net.executor;
  }

  /** Takes the port. @throws {SocketError} EADDRINUSE */
  listen(port: number): void {
    const socket = this.net.stream();
    socket.setsockopt("SO_REUSEADDR", true);
    socket.bind({ address: 0, port });
    socket.listen(BACKLOG);
    this.socket = socket;
  }

  /** Takes connections until {@link HttpServer.stop}. */
  *run(): Task<void> {
    while (!this.stopping) {
      let client: TcpSocket;
      try {
        client = yield* this.socket!.accept();
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        if (error.code !== "EMFILE") return;
        yield* sleep(this.executor, BREATH);
        continue;
      }
      this.counters.connections++;
      if (this.open >= this.limits.connections) this.refuse(client);
      else this.executor.spawn("http", this.serve(client));
    }
  }

  /** Takes no more connections; those that there are end with their answer. */
  stop(): void {
    this.stopping = true;
    this.socket?.close();
  }

  /** A request has come; it may be the last. */
  requested(): void {
    if (++this.counters.requests >= this.requests) this.stopping = true;
  }
  /** A request was answered. */
  answered(): void {
    if (this.counters.requests >= this.requests) this.stop();
  }

  private *serve(client: TcpSocket): Task<void> {
    this.open++;
    try {
      yield* new HttpConnection(this, client).run();
    } finally {
      this.open--;
    }
  }

  private refuse(client: TcpSocket): void {
    this.counters.refused++;
    const { body, type } = new ErrorPage(503, "too many connections");
    const head =
      `HTTP/1.1 503 ${reasonOf(503)}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n` +
      "Retry-After: 1\r\nConnection: close\r\n\r\n";
    client.nonBlocking = true;
    // A new connection has room for so little.
    client.send(new TextEncoder().encode(head + new TextDecoder().decode(body))).next();
    client.shutdown("SHUT_WR");
    client.close();
  }
}
