/** ICMP echoes for sockets: who asked, and what came back. */
import { UNSPECIFIED } from "../../inet/addresses.ts";
import { DatagramQueue } from "./datagram_queue.ts";
import type { Errno } from "./errors.ts";
import type { Icmp, IcmpReport } from "./icmp.ts";
import type { Routes } from "./routes.ts";

/** Bytes of answers that wait to be read. */
const BUFFER = 65536;

/** One asker. */
export class EchoEndpoint {
  /** Answers: ICMP messages from their type on; the address is the answerer's. */
  readonly received = new DatagramQueue(BUFFER);
  /** Called when there is an answer or an error. */
  onChange: (() => void) | undefined = undefined;
  /** What the next call fails with. */
  error: Errno | undefined = undefined;
  /** @param id the echo's identifier. */
  constructor(readonly id: number) {}
}

export class Echo {
  private readonly endpoints = new Map<number, EchoEndpoint>();

  constructor(
    private readonly icmp: Icmp,
    private readonly routes: Routes,
    private readonly random32: () => number,
  ) {}

  /** A new asker; undefined if there are too many. */
  open(): EchoEndpoint | undefined {
    if (this.endpoints.size > 0xff00) return undefined;
    let id = this.random32() & 0xffff;
    while (this.endpoints.has(id)) id = id + 1 & 0xffff;
    const endpoint = new EchoEndpoint(id);
    this.endpoints.set(id, endpoint);
    return endpoint;
  }
  close(endpoint: EchoEndpoint): void {
    this.endpoints.delete(endpoint.id);
    endpoint.received.clear();
  }

  /** Asks `address`. `full`: the card has no room. */
  send(
    endpoint: EchoEndpoint,
    address: number,
    sequence: number,
    data: Uint8Array,
    ttl?: number,
  ): Errno | "full" | undefined {
    const path = this.routes.path(address);
    if (path === undefined || path.source === UNSPECIFIED) return "ENETUNREACH";
    if (path.isGroup) return "EACCES";
    return this.icmp.sendEcho(path, endpoint.id, sequence, data, ttl) ? undefined : "full";
  }

  /** An answer has arrived. */
  replied(from: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const endpoint = this.endpoints.get(id);
    if (endpoint === undefined || !endpoint.received.push(from, 0, bytes, start, end)) return;
    endpoint.onChange?.();
  }

  /** An ICMP error about an echo of ours came back. */
  unreachable({ bytes, start, end }: IcmpReport): void {
    if (end - start < 6) return;
    const endpoint = this.endpoints.get(bytes[start + 4] << 8 | bytes[start + 5]);
    if (endpoint === undefined) return;
    endpoint.error = "EHOSTUNREACH";
    endpoint.onChange?.();
  }
}
