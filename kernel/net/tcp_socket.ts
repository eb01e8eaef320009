import { UNSPECIFIED } from "../../inet/addresses.ts";
import type { TcpConnection, TcpErrorKind, TcpListener } from "../../inet/tcp/mod.ts";
import type { Task } from "../executor.ts";
import { type Errno, SocketError } from "./errors.ts";
import type { Net } from "./net.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, Socket, type SocketAddress } from "./socket.ts";
import type { SocketOption } from "./socket_options.ts";
import { choosePort, isTaken } from "./tcp_ports.ts";

const ERRORS: Readonly<Record<TcpErrorKind, Errno>> = {
  reset: "ECONNRESET",
  refused: "ECONNREFUSED",
  timedOut: "ETIMEDOUT",
  unreachable: "EHOSTUNREACH",
  aborted: "ECONNABORTED",
};

/** A TCP socket. */
export class TcpSocket extends Socket {
  readonly protocol = "tcp";
  private local: SocketAddress = { address: UNSPECIFIED, port: 0 };
  private listener: TcpListener | undefined;
  private connection: TcpConnection | undefined;
  /** `connect` has been called, and its outcome not been told. */
  private connecting = false;
  private errorTold = false;
  private readClosed = false;
  private writeClosed = false;

  /** @param connection of a listener. */
  constructor(net: Net, connection?: TcpConnection) {
    super(net);
    if (connection !== undefined) this.use(connection);
  }

  /** @throws {SocketError} EADDRINUSE, EADDRNOTAVAIL, EINVAL if it was bound before. */
  bind(local: SocketAddress): void {
    this.check("bind");
    if (this.local.port !== 0 || this.connection !== undefined) throw new SocketError("EINVAL", "bind");
    const { address, port } = local, { stack } = this.net;
    if (address !== UNSPECIFIED && !stack.routes.isOwn(address)) {
      throw new SocketError("EADDRNOTAVAIL", "bind");
    }
    if (port !== 0 && isTaken(this, local)) throw new SocketError("EADDRINUSE", `bind ${port}`);
    this.local = { address, port: port !== 0 ? port : choosePort(this.net) };
  }

  /** @throws {SocketError} EADDRINUSE, EINVAL if it is connected. */
  listen(backlog = 128): void {
    this.check("listen");
    if (this.connection !== undefined) throw new SocketError("EINVAL", "listen");
    if (this.listener !== undefined) return;
    if (this.local.port === 0) this.bind(this.local);
    this.listener = this.net.stack.tcp.listen(this.local, { backlog: Math.max(1, backlog) });
    if (this.listener === undefined) throw new SocketError("EADDRINUSE", `listen ${this.local.port}`);
    this.listener.onChange = () => this.changed.wake();
  }

  /** The next connection; its address is {@link TcpSocket.getpeername}. @throws {SocketError} EAGAIN, EINVAL, EMFILE */
  accept(): Task<TcpSocket> {
    const { listener } = this;
    if (listener === undefined) throw new SocketError("EINVAL", "accept");
    return this.block("accept", this.getsockopt("SO_RCVTIMEO"), () => {
      const connection = listener.accept();
      return connection && this.net.opened(new TcpSocket(this.net, connection));
    });
  }

  /** @throws {SocketError} ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, EINPROGRESS, EALREADY, EISCONN */
  *connect(remote: SocketAddress): Task<void> {
    this.check("connect");
    if (this.listener !== undefined) throw new SocketError("EOPNOTSUPP", "connect");
    if (this.connection === undefined) this.open(remote);
    else if (!this.connecting) throw new SocketError("EISCONN", "connect");
    else if (this.nonBlocking && this.connection.state === "SYN-SENT") {
      throw new SocketError("EALREADY", "connect");
    }
    if (this.nonBlocking && this.connection!.state === "SYN-SENT") {
      throw new SocketError("EINPROGRESS", "connect");
    }
    const connection = this.connection!;
    yield* this.block("connect", this.getsockopt("SO_SNDTIMEO"), () => {
      this.fail("connect");
      if (connection.state === "SYN-SENT" || connection.state === "SYN-RECEIVED") return undefined;
      this.connecting = false;
      return true;
    });
  }

  /**
   * Sends; waits until all of it is in the buffer, or takes what fits if the socket does not block.
   *
   * @returns how many bytes were taken.
   * @throws {SocketError} EPIPE, ECONNRESET, ETIMEDOUT, EAGAIN, ENOTCONN
   */
  *send(bytes: Uint8Array): Task<number> {
    let done = 0;
    const attempt = () => {
      done += this.trySend(done === 0 ? bytes : bytes.subarray(done));
      return done === bytes.length || this.nonBlocking && done > 0 ? done : undefined;
    };
    try {
      return yield* this.block("send", this.getsockopt("SO_SNDTIMEO"), attempt);
    } catch (error) {
      // What was taken before the time ran out is on its way, and has to be told.
      if (done > 0 && error instanceof SocketError && error.code === "EAGAIN") return done;
      throw error;
    }
  }

  /** Receives at least a byte; 0 at the end. @throws {SocketError} ECONNRESET, ETIMEDOUT, EAGAIN, ENOTCONN */
  recv(target: Uint8Array): Task<number> {
    return this.block("recv", this.getsockopt("SO_RCVTIMEO"), () => this.tryRecv(target));
  }

  /** Ends one direction, or both. @throws {SocketError} ENOTCONN */
  shutdown(how: "SHUT_RD" | "SHUT_WR" | "SHUT_RDWR"): void {
    this.check("shutdown");
    const connection = this.connected("shutdown");
    if (how !== "SHUT_WR") this.readClosed = true;
    if (how !== "SHUT_RD" && !this.writeClosed) {
      this.writeClosed = true;
      connection.shutdownWrite();
    }
    this.net.stack.touch();
    this.changed.wake();
  }

  getsockname(): SocketAddress {
    return this.connection?.local ?? this.local;
  }
  getpeername(): SocketAddress {
    return this.connected("getpeername").remote;
  }
  /** Whether it has a port of its own to itself: bound or listening, and not a connection. */
  get ownPort(): SocketAddress | undefined {
    return this.connection === undefined && this.local.port !== 0 ? this.local : undefined;
  }
  override get isListening(): boolean {
    return this.listener !== undefined;
  }
  /** The state by RFC 9293's name. */
  get state(): string {
    return this.connection?.state ?? (this.listener === undefined ? "CLOSED" : "LISTEN");
  }

  takeError(): Errno | undefined {
    if (this.connection?.error === undefined || this.errorTold) return undefined;
    this.errorTold = true;
    return ERRORS[this.connection.error];
  }

  revents(): number {
    if (this.listener !== undefined) return this.listener.ready > 0 ? POLLIN : 0;
    const { connection } = this;
    if (connection === undefined) return POLLOUT | POLLHUP;
    if (connection.state === "SYN-SENT" || connection.state === "SYN-RECEIVED") return 0;
    let events = 0;
    if (connection.error !== undefined) {
      events |= POLLIN | POLLOUT | POLLHUP | (this.errorTold ? 0 : POLLERR);
    }
    if (connection.readable > 0 || connection.ended || this.readClosed) events |= POLLIN;
    if (connection.writable > 0 || this.writeClosed) events |= POLLOUT;
    if (connection.ended && this.writeClosed) events |= POLLHUP;
    return events;
  }

  protected applied(option: SocketOption): void {
    const { connection } = this;
    if (connection === undefined) return;
    if (option === "TCP_NODELAY") connection.setNoDelay(this.getsockopt(option));
    else if (option === "TCP_USER_TIMEOUT") {
      const timeout = this.getsockopt(option);
      if (timeout > 0) connection.setUserTimeout(timeout);
    } else if (option === "SO_KEEPALIVE" || option.startsWith("TCP_KEEP")) {
      connection.setKeepAlive(
        this.getsockopt("SO_KEEPALIVE") && {
          idle: this.getsockopt("TCP_KEEPIDLE"),
          interval: this.getsockopt("TCP_KEEPINTVL"),
          count: this.getsockopt("TCP_KEEPCNT"),
        },
      );
    }
  }

  protected release(): void {
    this.listener?.close();
    const { connection } = this;
    if (connection !== undefined) {
      connection.onChange = undefined;
      if (this.getsockopt("SO_LINGER") === 0) connection.abort();
      else connection.close();
    }
    this.net.stack.touch();
  }

  private open(remote: SocketAddress): void {
    const { stack, executor } = this.net;
    if (remote.port === 0) throw new SocketError("EADDRNOTAVAIL", "connect");
    const path = stack.routes.path(remote.address);
    if (path === undefined || path.source === UNSPECIFIED || path.isGroup) {
      throw new SocketError("ENETUNREACH", "connect");
    }
    const address = this.local.address === UNSPECIFIED ? path.source : this.local.address;
    const local = { address, port: this.local.port };
    const connection = stack.tcp.connect(local, remote, executor.now());
    if (connection === undefined) throw new SocketError("EADDRNOTAVAIL", "connect");
    this.use(connection);
    this.connecting = true;
    stack.touch();
  }

  private use(connection: TcpConnection): void {
    this.connection = connection;
    connection.onChange = () => this.changed.wake();
    for (const option of ["TCP_NODELAY", "TCP_USER_TIMEOUT", "SO_KEEPALIVE"] as const) {
      if (this.getsockopt(option)) this.applied(option);
    }
  }

  private trySend(bytes: Uint8Array): number {
    const connection = this.connected("send");
    this.fail("send");
    if (this.writeClosed || connection.error !== undefined) throw new SocketError("EPIPE", "send");
    if (this.connecting && connection.state === "SYN-SENT") return 0;
    const taken = connection.write(bytes);
    if (taken > 0) this.net.stack.touch();
    return taken;
  }

  private tryRecv(target: Uint8Array): number | undefined {
    const connection = this.connected("recv");
    if (this.readClosed || target.length === 0) return 0;
    const n = connection.read(target);
    if (n > 0) {
      this.net.stack.touch();
      return n;
    }
    if (connection.ended) return 0;
    this.fail("recv");
    return connection.error === undefined ? undefined : 0;
  }

  /** Throws what went wrong, if it was not told before. */
  private fail(call: string): void {
    const error = this.takeError();
    if (error !== undefined) throw new SocketError(error, call);
  }
  private connected(call: string): TcpConnection {
    if (this.connection === undefined) throw new SocketError("ENOTCONN", call);
    return this.connection;
  }
}
