/** UDP (RFC 768; RFC 1122, 4.1): who listens on which port, and what waits to be sent. */
import { BROADCAST, isMulticast, UNSPECIFIED } from "../../inet/addresses.ts";
import { IPV4_HEADER, IPV4_MAX, PROTOCOL_UDP } from "../../inet/ipv4.ts";
import { readUdp, UDP_HEADER, UdpHeader, writeUdp } from "../../inet/udp.ts";
import { DatagramQueue } from "./datagram_queue.ts";
import type { Errno } from "./errors.ts";
import type { IcmpReport } from "./icmp.ts";
import type { Packet } from "./ip_input.ts";
import { HEADROOM, type IpOutput } from "./ip_output.ts";
import type { Path, Routes } from "./routes.ts";

/** Bytes of the largest datagram's payload. */
export const UDP_MAX = IPV4_MAX - IPV4_HEADER - UDP_HEADER;
/** Ports to choose from (RFC 6335, 6). */
const FIRST_PORT = 49152, LAST_PORT = 65535;
/** Bytes that wait, each way, unless a socket says otherwise (Linux's rmem_default and wmem_default). */
export const UDP_BUFFER = 212992;

/** One end of datagrams. */
export class UdpEndpoint {
  /** 0: any address of this machine. */
  address = UNSPECIFIED;
  /** 0: not bound. */
  port = 0;
  /** With whom alone it speaks; port 0: with everyone. */
  remoteAddress = UNSPECIFIED;
  remotePort = 0;
  /** SO_REUSEADDR and SO_BROADCAST. */
  reuse = false;
  broadcast = false;
  /** What the next call fails with: an ICMP error came back. */
  error: Errno | undefined = undefined;
  readonly received = new DatagramQueue(UDP_BUFFER);
  readonly unsent = new DatagramQueue(UDP_BUFFER);
  /** Called when there is something to read, room to write, or an error. */
  onChange: (() => void) | undefined = undefined;
}

export interface UdpCounters {
  received: number;
  sent: number;
  malformed: number;
  /** Nobody listened. */
  noPort: number;
  /** A socket's buffer was full. */
  overflowed: number;
}

/** All endpoints of a machine. */
export class Udp {
  readonly counters: UdpCounters = { received: 0, sent: 0, malformed: 0, noPort: 0, overflowed: 0 };
  private readonly ports = new Map<number, UdpEndpoint[]>();
  /** Those with datagrams that a card refused. */
  private readonly waiting = new Set<UdpEndpoint>();
  private readonly header = new UdpHeader();

  /** @param scratch where packets are built: {@link HEADROOM} and the largest payload. */
  constructor(
    private readonly routes: Routes,
    private readonly output: IpOutput,
    private readonly random32: () => number,
    private readonly scratch: Uint8Array,
  ) {}

  /** The endpoints that are bound. */
  *list(): Iterable<UdpEndpoint> {
    for (const endpoints of this.ports.values()) yield* endpoints;
  }

  /** Gives `endpoint` an address and a port; port 0 chooses one. */
  bind(endpoint: UdpEndpoint, address: number, port: number): Errno | undefined {
    if (port === 0) {
      const count = LAST_PORT - FIRST_PORT + 1, first = this.random32() % count;
      for (let i = 0; i < count && port === 0; i++) {
        const candidate = FIRST_PORT + (first + i) % count;
        if (!this.ports.has(candidate)) port = candidate;
      }
      if (port === 0) return "EADDRINUSE";
    } else if (this.isTaken(endpoint, address, port)) return "EADDRINUSE";
    endpoint.address = address;
    endpoint.port = port;
    const others = this.ports.get(port);
    if (others === undefined) this.ports.set(port, [endpoint]);
    else others.push(endpoint);
    return undefined;
  }

  /** Ends an endpoint; what it could not send is lost. */
  close(endpoint: UdpEndpoint): void {
    const others = this.ports.get(endpoint.port);
    const index = others?.indexOf(endpoint) ?? -1;
    if (index >= 0) others!.splice(index, 1);
    if (others?.length === 0) this.ports.delete(endpoint.port);
    this.waiting.delete(endpoint);
    endpoint.port = 0;
    endpoint.received.clear();
    endpoint.unsent.clear();
  }

  /** Sends `payload`, or keeps it until the card has room. `full`: the endpoint's buffer has none either. */
  send(
    endpoint: UdpEndpoint,
    address: number,
    port: number,
    payload: Uint8Array,
  ): Errno | "full" | undefined {
    if (payload.length > UDP_MAX) return "EMSGSIZE";
    const path = this.routes.path(address);
    if (path === undefined || path.source === UNSPECIFIED) return "ENETUNREACH";
    if (path.isGroup && !isMulticast(address) && !endpoint.broadcast) return "EACCES";
    if (endpoint.unsent.length === 0) {
      this.scratch.set(payload, HEADROOM + UDP_HEADER);
      if (this.transmit(endpoint, path, port, payload.length)) return undefined;
    }
    if (!endpoint.unsent.push(address, port, payload, 0, payload.length)) return "full";
    this.waiting.add(endpoint);
    return undefined;
  }

  /** Sends a datagram from an address and a port that need not be bound: for DHCP. False if the card has no room. */
  sendFrom(path: Path, source: number, sourcePort: number, port: number, payload: Uint8Array): boolean {
    this.scratch.set(payload, HEADROOM + UDP_HEADER);
    return this.emit(path, source, sourcePort, port, payload.length);
  }

  /** Sends what waits, as far as there is room. */
  poll(): void {
    for (const endpoint of this.waiting) {
      const { unsent } = endpoint, before = unsent.length;
      for (let next = unsent.peek(); next !== undefined; next = unsent.peek()) {
        const path = this.routes.path(next.address);
        if (path !== undefined && path.source !== UNSPECIFIED) {
          const { at, length, port } = next;
          this.scratch.set(unsent.bytes.subarray(at, at + length), HEADROOM + UDP_HEADER);
          if (!this.transmit(endpoint, path, port, length)) break;
        }
        unsent.drop();
      }
      if (unsent.length === 0) this.waiting.delete(endpoint);
      if (unsent.length < before) endpoint.onChange?.();
    }
  }

  /** A datagram has arrived. False if nobody wanted it, and its sender may be told. */
  input(packet: Packet): boolean {
    const { header } = this, { bytes } = packet;
    const { source, destination, payload, end } = packet.header;
    if (readUdp(header, bytes, payload, end, source, destination, packet.trusted) !== undefined) {
      this.counters.malformed++;
      return true;
    }
    let best: UdpEndpoint | undefined, bestScore = -1;
    for (const endpoint of this.ports.get(header.destinationPort) ?? []) {
      const score = match(endpoint, source, header.sourcePort, packet.isGroup ? UNSPECIFIED : destination);
      if (score < 0) continue;
      // Everyone hears what is for everyone; otherwise the one that asks for most, and of equals the latest.
      if (packet.isGroup) this.deliver(endpoint, source, bytes);
      else if (score >= bestScore) {
        best = endpoint;
        bestScore = score;
      }
    }
    if (best !== undefined) this.deliver(best, source, bytes);
    else if (!packet.isGroup) this.counters.noPort++;
    return best !== undefined || packet.isGroup;
  }

  /** An ICMP error came back: those who are connected hear of it (RFC 1122, 4.1.3.3). */
  unreachable({ local, remote, bytes, start, end, kind }: IcmpReport): void {
    if (end - start < 4 || kind === "fragmentation") return;
    const port = bytes[start] << 8 | bytes[start + 1], remotePort = bytes[start + 2] << 8 | bytes[start + 3];
    for (const endpoint of this.ports.get(port) ?? []) {
      if (endpoint.remotePort !== remotePort || endpoint.remoteAddress !== remote) continue;
      if (endpoint.address !== UNSPECIFIED && endpoint.address !== local) continue;
      endpoint.error = kind === "port" ? "ECONNREFUSED" : "EHOSTUNREACH";
      endpoint.onChange?.();
    }
  }

  private isTaken(endpoint: UdpEndpoint, address: number, port: number): boolean {
    return (this.ports.get(port) ?? []).some((other) =>
      !(endpoint.reuse && other.reuse) &&
      (address === UNSPECIFIED || other.address === UNSPECIFIED || address === other.address)
    );
  }

  private deliver(endpoint: UdpEndpoint, source: number, bytes: Uint8Array): void {
    const { sourcePort, payload, end } = this.header;
    if (endpoint.received.push(source, sourcePort, bytes, payload, end)) {
      this.counters.received++;
      endpoint.onChange?.();
    } else this.counters.overflowed++;
  }

  /** The payload stands in the scratch buffer. */
  private transmit(endpoint: UdpEndpoint, path: Path, port: number, length: number): boolean {
    const source = endpoint.address === UNSPECIFIED || endpoint.address === BROADCAST
      ? path.source
      : endpoint.address;
    return this.emit(path, source, endpoint.port, port, length);
  }
  private emit(path: Path, source: number, sourcePort: number, port: number, length: number): boolean {
    const { scratch } = this, end = HEADROOM + UDP_HEADER + length;
    const partial = this.output.leavesChecksum(path, UDP_HEADER + length);
    writeUdp(scratch, HEADROOM, end, source, sourcePort, path.destination, port, partial);
    if (!this.output.sendDatagram(path, source, PROTOCOL_UDP, scratch, HEADROOM, end, partial)) return false;
    this.counters.sent++;
    return true;
  }
}

/** How well an endpoint fits; -1: not at all. */
function match(endpoint: UdpEndpoint, source: number, sourcePort: number, destination: number): number {
  let score = 0;
  if (endpoint.address !== UNSPECIFIED && destination !== UNSPECIFIED) {
    if (endpoint.address !== destination) return -1;
    score++;
  }
  if (endpoint.remotePort !== 0) {
    if (endpoint.remotePort !== sourcePort || endpoint.remoteAddress !== source) return -1;
    score += 2;
  }
  return score;
}
