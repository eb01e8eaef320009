import { UNSPECIFIED } from "../../inet/addresses.ts";
import type { Task } from "../executor.ts";
import { type Errno, SocketError } from "./errors.ts";
import type { Net } from "./net.ts";
import { POLLERR, POLLIN, POLLOUT, Socket, type SocketAddress } from "./socket.ts";
import type { SocketOption } from "./socket_options.ts";
import { UdpEndpoint } from "./udp.ts";

/** A datagram that was received. */
export interface ReceivedFrom extends SocketAddress {
  /** Bytes in the target. */
  readonly length: number;
  /** The target was too short: the rest is lost (MSG_TRUNC). */
  readonly truncated: boolean;
}

/** A UDP socket. */
export class UdpSocket extends Socket {
  readonly protocol = "udp";
  private readonly endpoint = new UdpEndpoint();
  private shutReads = false;
  private shutWrites = false;

  constructor(net: Net) {
    super(net);
    this.endpoint.onChange = () => this.changed.wake();
  }

  /** @throws {SocketError} EADDRINUSE, EADDRNOTAVAIL, EINVAL if it was bound before. */
  bind({ address, port }: SocketAddress): void {
    this.check("bind");
    const { routes, udp } = this.net.stack;
    if (this.endpoint.port !== 0) throw new SocketError("EINVAL", "bind");
    const isOurs = address === UNSPECIFIED || routes.isOwn(address) || routes.path(address)?.isGroup;
    if (!isOurs) throw new SocketError("EADDRNOTAVAIL", "bind");
    const error = udp.bind(this.endpoint, address, port);
    if (error !== undefined) throw new SocketError(error, `bind ${port}`);
  }

  /** From now on with `remote` alone; address 0 takes that back. @throws {SocketError} ENETUNREACH */
  connect(remote: SocketAddress): void {
    this.check("connect");
    const { endpoint } = this;
    if (remote.address === UNSPECIFIED) {
      endpoint.remoteAddress = UNSPECIFIED;
      endpoint.remotePort = 0;
      return;
    }
    if (this.net.stack.routes.path(remote.address) === undefined) {
      throw new SocketError("ENETUNREACH", "connect");
    }
    this.bindIfNot();
    endpoint.remoteAddress = remote.address;
    endpoint.remotePort = remote.port;
  }

  /** @throws {SocketError} EDESTADDRREQ if it is not connected; and as {@link UdpSocket.sendto}. */
  send(bytes: Uint8Array): Task<number> {
    const { remoteAddress: address, remotePort: port } = this.endpoint;
    if (port === 0) throw new SocketError("EDESTADDRREQ", "send");
    return this.sendto(bytes, { address, port });
  }

  /**
   * Sends a datagram; waits only while the buffer is full.
   *
   * @throws {SocketError} EMSGSIZE, ENETUNREACH, EACCES without SO_BROADCAST, ECONNREFUSED (of an earlier one), EAGAIN
   */
  sendto(bytes: Uint8Array, { address, port }: SocketAddress): Task<number> {
    const { endpoint } = this;
    this.check("sendto");
    if (this.shutWrites) throw new SocketError("EPIPE", "sendto");
    this.bindIfNot();
    return this.block("sendto", this.getsockopt("SO_SNDTIMEO"), () => {
      this.fail("sendto");
      const { stack } = this.net;
      stack.output.now = this.net.executor.now();
      const result = stack.udp.send(endpoint, address, port, bytes);
      stack.touch();
      if (result === "full") return undefined;
      if (result !== undefined) throw new SocketError(result, "sendto");
      return bytes.length;
    });
  }

  /** The next datagram's payload; how many bytes of it. */
  *recv(target: Uint8Array): Task<number> {
    return (yield* this.recvfrom(target)).length;
  }

  /** The next datagram, and who sent it. @throws {SocketError} ECONNREFUSED (of one that was sent), EAGAIN */
  recvfrom(target: Uint8Array): Task<ReceivedFrom> {
    return this.block("recvfrom", this.getsockopt("SO_RCVTIMEO"), () => {
      this.fail("recvfrom");
      const { received } = this.endpoint;
      const next = received.peek();
      if (next === undefined) {
        return this.shutReads ? { address: 0, port: 0, length: 0, truncated: false } : undefined;
      }
      const { address, port, at } = next;
      const length = Math.min(next.length, target.length), truncated = length < next.length;
      target.set(received.bytes.subarray(at, at + length));
      received.drop();
      return { address, port, length, truncated };
    });
  }

  /** Whoever waits gets an end: 0 bytes, or EPIPE. */
  shutdown(how: "SHUT_RD" | "SHUT_WR" | "SHUT_RDWR"): void {
    this.check("shutdown");
    if (how !== "SHUT_WR") this.shutReads = true;
    if (how !== "SHUT_RD") this.shutWrites = true;
    this.changed.wake();
  }

  getsockname(): SocketAddress {
    const { address, port } = this.endpoint;
    return { address, port };
  }
  getpeername(): SocketAddress {
    const { remoteAddress: address, remotePort: port } = this.endpoint;
    if (port === 0) throw new SocketError("ENOTCONN", "getpeername");
    return { address, port };
  }
  takeError(): Errno | undefined {
    const { error } = this.endpoint;
    this.endpoint.error = undefined;
    return error;
  }
  revents(): number {
    const { received, unsent, error } = this.endpoint;
    return (received.length > 0 || this.shutReads ? POLLIN : 0) |
      (unsent.size < unsent.limit ? POLLOUT : 0) | (error === undefined ? 0 : POLLERR);
  }

  protected applied(option: SocketOption): void {
    const { endpoint } = this;
    if (option === "SO_REUSEADDR") endpoint.reuse = this.getsockopt(option);
    else if (option === "SO_BROADCAST") endpoint.broadcast = this.getsockopt(option);
    else if (option === "SO_RCVBUF") endpoint.received.limit = this.getsockopt(option);
    else if (option === "SO_SNDBUF") endpoint.unsent.limit = this.getsockopt(option);
  }
  protected release(): void {
    this.net.stack.udp.close(this.endpoint);
  }

  private bindIfNot(): void {
    if (this.endpoint.port === 0) this.bind({ address: UNSPECIFIED, port: 0 });
  }
  private fail(call: string): void {
    const error = this.takeError();
    if (error !== undefined) throw new SocketError(error, call);
  }
}
