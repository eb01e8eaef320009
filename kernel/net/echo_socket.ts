import { UNSPECIFIED } from "../../inet/addresses.ts";
import { ICMP_HEADER } from "../../inet/icmp.ts";
import type { Task } from "../executor.ts";
import type { EchoEndpoint } from "./echo.ts";
import { type Errno, SocketError } from "./errors.ts";
import type { Net } from "./net.ts";
import { POLLERR, POLLIN, POLLOUT, Socket, type SocketAddress } from "./socket.ts";

/** An answer to an echo. */
export interface EchoReply {
  /** Who answered. */
  readonly address: number;
  readonly sequence: number;
  /** What was sent, as it came back. */
  readonly data: Uint8Array;
}

/** Sends ICMP echoes and receives the answers. The port of its name is the echoes' identifier. */
export class EchoSocket extends Socket {
  readonly protocol = "icmp";
  private readonly endpoint: EchoEndpoint;

  /** @throws {SocketError} ENOBUFS if there are too many. */
  constructor(net: Net) {
    super(net);
    const endpoint = net.stack.echo.open();
    if (endpoint === undefined) throw new SocketError("ENOBUFS", "socket");
    this.endpoint = endpoint;
    endpoint.onChange = () => this.changed.wake();
  }

  /** Asks `address`. @throws {SocketError} ENETUNREACH, EACCES, EAGAIN if the card stays full */
  sendto(data: Uint8Array, address: number, sequence: number): Task<number> {
    return this.block("sendto", this.getsockopt("SO_SNDTIMEO"), () => {
      const { stack, executor } = this.net;
      stack.output.now = executor.now();
      const result = stack.echo.send(this.endpoint, address, sequence, data, this.getsockopt("IP_TTL"));
      stack.touch();
      if (result === "full") return undefined;
      if (result !== undefined) throw new SocketError(result, "sendto");
      return data.length;
    });
  }

  /** The next answer. @throws {SocketError} EHOSTUNREACH if that came back instead, EAGAIN */
  recvfrom(): Task<EchoReply> {
    return this.block("recvfrom", this.getsockopt("SO_RCVTIMEO"), () => {
      const error = this.takeError();
      if (error !== undefined) throw new SocketError(error, "recvfrom");
      const { received } = this.endpoint;
      const next = received.peek();
      if (next === undefined) return undefined;
      const { bytes } = received, { address, at, length } = next;
      const sequence = bytes[at + 6] << 8 | bytes[at + 7];
      const data = bytes.slice(at + ICMP_HEADER, at + length);
      received.drop();
      return { address, sequence, data };
    });
  }

  getsockname(): SocketAddress {
    return { address: UNSPECIFIED, port: this.endpoint.id };
  }
  getpeername(): SocketAddress {
    throw new SocketError("ENOTCONN", "getpeername");
  }
  takeError(): Errno | undefined {
    const { error } = this.endpoint;
    this.endpoint.error = undefined;
    return error;
  }
  revents(): number {
    return POLLOUT | (this.endpoint.received.length > 0 ? POLLIN : 0) |
      (this.endpoint.error === undefined ? 0 : POLLERR);
  }
  protected applied(): void {}
  protected release(): void {
    this.net.stack.echo.close(this.endpoint);
  }
}
