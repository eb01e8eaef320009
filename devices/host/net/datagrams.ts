import { createSocket, type Socket } from "node:dgram";
import { formatAddress, parseAddress } from "../../../inet/addresses.ts";
import type { HostDatagram, HostDatagrams } from "../../net/user/host.ts";

/** Datagrams that wait for the machine; more are lost, as in any full socket. */
const WAITING = 256;

/** A UDP socket of the host. (Deno's own need an option that says they are unstable; node's do not.) */
export class UdpSocket implements HostDatagrams {
  onEvent: (() => void) | undefined;
  port = 0;
  private readonly waiting: HostDatagram[] = [];
  private readonly socket: Socket;
  private closed = false;

  private constructor() {
    this.socket = createSocket("udp4");
    this.socket.on("message", (bytes, from) => {
      if (this.waiting.length >= WAITING) return;
      this.waiting.push({ bytes, address: parseAddress(from.address) ?? 0, port: from.port });
      this.onEvent?.();
    });
    // That nobody was there is a loss like any other.
    this.socket.on("error", () => {});
  }

  /** A socket on an address of the host. @throws {Error} if that is in use or not allowed. */
  static bind(hostname: string, port: number): Promise<UdpSocket> {
    const udp = new UdpSocket();
    return new Promise((resolve, reject) => {
      udp.socket.once("error", (error) => {
        udp.close();
        reject(error);
      });
      udp.socket.bind(port, hostname, () => {
        udp.port = udp.socket.address().port;
        resolve(udp);
      });
    });
  }
  /** A socket on any port. */
  static any(): UdpSocket {
    const udp = new UdpSocket();
    udp.socket.bind(0);
    return udp;
  }

  send(bytes: Uint8Array, address: number, port: number): void {
    if (this.closed || port === 0) return;
    try {
      // Sent later: the bytes are the caller's again when this returns.
      this.socket.send(bytes.slice(), port, formatAddress(address), () => {});
    } catch {
      // Not allowed, or no such address: lost.
    }
  }
  receive(): HostDatagram | undefined {
    return this.waiting.shift();
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.close();
  }
}
