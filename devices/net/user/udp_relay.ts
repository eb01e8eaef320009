import { isLoopback, LOOPBACK } from "../../../inet/addresses.ts";
import { PROTOCOL_UDP } from "../../../inet/ipv4.ts";
import { UDP_HEADER, writeUdp } from "../../../inet/udp.ts";
import { type GuestLink, PAYLOAD } from "./guest_link.ts";
import type { HostDatagrams, HostNetwork } from "./host.ts";
import type { Forward, UserOptions } from "./options.ts";

/** Ports of the guest that may have a socket of the host at a time; the one that rests longest is given up first. */
const FLOWS = 256;
/** Nanoseconds without a datagram after which a socket is given back, as in QEMU. */
const FLOW_LIFETIME = 240e9;
/** Hosts that a forwarded port remembers, to send them the guest's answers. */
const PEERS = 1024;

/** A port of the guest, and the socket through which it talks to the outside. */
interface Flow {
  readonly address: number;
  readonly port: number;
  readonly socket: HostDatagrams;
  used: number;
}
/** A forwarded port: who has sent something through it, by the address that the guest sees. */
interface Forwarded {
  readonly rule: Forward;
  readonly socket: HostDatagrams;
  readonly peers: Map<string, number>;
}

/** What the relay is part of. */
export interface UdpHost {
  now(): number;
  /** Something has arrived at a socket; {@link UdpRelay.deliver} is worth a call. */
  arrived(): void;
  /** A socket was asked for in vain. */
  refused(what: string): void;
}

/** Carries UDP between the guest and sockets of the host. */
export class UdpRelay {
  private readonly flows = new Map<string, Flow>();
  private readonly forwarded: Forwarded[] = [];

  constructor(
    private readonly options: UserOptions,
    private readonly link: GuestLink,
    private readonly host: HostNetwork,
    private readonly owner: UdpHost,
  ) {}

  /** Whether something can still come from outside. */
  get open(): boolean {
    return this.flows.size > 0 || this.forwarded.length > 0;
  }

  forward(rule: Forward, socket: HostDatagrams): void {
    socket.onEvent = () => this.owner.arrived();
    this.forwarded.push({ rule, socket, peers: new Map() });
  }

  /**
   * A datagram of the guest. False if nobody is there: whoever is at fault for that says so to the guest.
   */
  send(source: number, sourcePort: number, destination: number, port: number, bytes: Uint8Array): boolean {
    const answered = this.forwarded.find((f) =>
      f.rule.guestPort === sourcePort && f.rule.guestAddress === source &&
      f.peers.has(`${destination}:${port}`)
    );
    if (answered !== undefined) {
      answered.socket.send(bytes, answered.peers.get(`${destination}:${port}`)!, port);
      return true;
    }
    if (this.options.restrict) return true;
    const flow = this.flowOf(source, sourcePort);
    if (flow === undefined) return false;
    flow.used = this.owner.now();
    flow.socket.send(bytes, destination === this.options.host ? LOOPBACK : destination, port);
    return true;
  }

  /** Gives the guest what has arrived, as long as there is room for it. Whether there was anything. */
  deliver(): boolean {
    let any = false;
    for (const f of this.forwarded) {
      while (this.link.open) {
        const datagram = f.socket.receive();
        if (datagram === undefined) break;
        any = true;
        const seen = this.seen(datagram.address);
        f.peers.delete(`${seen}:${datagram.port}`);
        if (f.peers.size >= PEERS) f.peers.delete(f.peers.keys().next().value!);
        f.peers.set(`${seen}:${datagram.port}`, datagram.address);
        this.toGuest(seen, datagram.port, f.rule.guestAddress, f.rule.guestPort, datagram.bytes);
      }
    }
    for (const flow of this.flows.values()) {
      while (this.link.open) {
        const datagram = flow.socket.receive();
        if (datagram === undefined) break;
        any = true;
        flow.used = this.owner.now();
        this.toGuest(this.seen(datagram.address), datagram.port, flow.address, flow.port, datagram.bytes);
      }
    }
    return any;
  }

  /** Sends a datagram to the guest. */
  toGuest(source: number, sourcePort: number, destination: number, port: number, bytes: Uint8Array): void {
    const { frame } = this.link;
    const end = PAYLOAD + UDP_HEADER + bytes.length;
    if (end > frame.length) return;
    frame.set(bytes, PAYLOAD + UDP_HEADER);
    writeUdp(frame, PAYLOAD, end, source, sourcePort, destination, port);
    this.link.sendIp(source, destination, PROTOCOL_UDP, end - PAYLOAD);
  }

  /** Gives back sockets that have rested. The time when that is next worth a call; undefined without any. */
  expire(): number | undefined {
    let next: number | undefined;
    for (const [key, flow] of this.flows) {
      const end = flow.used + FLOW_LIFETIME;
      if (end <= this.owner.now()) this.drop(key, flow);
      else next = Math.min(next ?? end, end);
    }
    return next;
  }

  close(): void {
    for (const [key, flow] of this.flows) this.drop(key, flow);
    for (const { socket } of this.forwarded.splice(0)) socket.close();
  }

  private flowOf(address: number, port: number): Flow | undefined {
    const key = `${address}:${port}`;
    const known = this.flows.get(key);
    if (known !== undefined) return known;
    const socket = this.host.datagrams();
    if (socket === undefined) {
      this.owner.refused("udp");
      return undefined;
    }
    if (this.flows.size >= FLOWS) {
      const [oldest, flow] = [...this.flows].reduce((a, b) => b[1].used < a[1].used ? b : a);
      this.drop(oldest, flow);
    }
    const flow = { address, port, socket, used: this.owner.now() };
    socket.onEvent = () => this.owner.arrived();
    this.flows.set(key, flow);
    return flow;
  }
  private drop(key: string, flow: Flow): void {
    this.flows.delete(key);
    flow.socket.onEvent = undefined;
    flow.socket.close();
  }

  /** An address of the host as the guest sees it: its loopback is the gateway. */
  private seen(address: number): number {
    return isLoopback(address) || address === 0 ? this.options.host : address;
  }
}
