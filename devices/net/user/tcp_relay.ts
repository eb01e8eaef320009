import { formatAddress, isLoopback, LOOPBACK } from "../../../inet/addresses.ts";
import { Tcp, type TcpConnection, type TcpListener, type TcpUnreachable } from "../../../inet/tcp/mod.ts";
import { type GuestLink, MTU, PAYLOAD } from "./guest_link.ts";
import type { HostListener, HostNetwork, HostStream } from "./host.ts";
import type { Forward, UserOptions } from "./options.ts";

/** Connections that are carried at a time; a host that wants more has to wait. */
const FLOWS = 4096;
/** Connections of the guest that wait for the host to answer. */
const BACKLOG = 1024;
/** Polls without the clock going on, until the machine gets its turn. */
const POLLS = 8;

/** Both ends of a connection that is carried. */
interface Flow {
  readonly connection: TcpConnection;
  readonly stream: HostStream;
  /** The guest opened it and has no answer yet. */
  unanswered: boolean;
  /** The guest was told that the host sends no more, and the other way round. */
  guestTold: boolean;
  hostTold: boolean;
}

/** What the relay is part of. */
export interface TcpRelayHost {
  now(): number;
  random(): number;
  /** Something has happened at a socket; {@link TcpRelay.deliver} is worth a call. */
  arrived(): void;
  /** The guest wanted to connect to `target`, in vain. */
  refused(target: string): void;
}

/**
 * Carries TCP between the guest and sockets of the host. The guest's connection ends here, in a TCP of our own, and
 * another begins at the host; a side that is slow closes the other's window.
 */
export class TcpRelay {
  private readonly tcp: Tcp;
  private readonly listener: TcpListener;
  private readonly flows = new Map<TcpConnection, Flow>();
  private readonly forwards: { rule: Forward; listener: HostListener }[] = [];
  /** Flows whose socket has something to say. */
  private readonly changed = new Set<Flow>();

  constructor(
    private readonly options: UserOptions,
    private readonly link: GuestLink,
    private readonly host: HostNetwork,
    private readonly owner: TcpRelayHost,
  ) {
    this.tcp = new Tcp({
      headroom: PAYLOAD,
      canSend: () => link.open,
      send(source, destination, bytes, start, end) {
        if (!link.open) return false;
        link.sendSegment(source, destination, bytes, start, end);
        return true;
      },
      random32: () => owner.random(),
      mtu: () => MTU,
    });
    this.listener = this.tcp.listen({ address: 0, port: 0 }, { hold: true, backlog: BACKLOG })!;
    this.listener.onChange = () => this.acceptGuest();
  }

  /** Whether something can still come from outside. */
  get open(): boolean {
    return this.forwards.length > 0 || this.flows.size > 0;
  }
  /** For inspection. */
  get size(): number {
    return this.flows.size;
  }

  forward(rule: Forward, listener: HostListener): void {
    listener.onEvent = () => this.owner.arrived();
    this.forwards.push({ rule, listener });
  }

  /** A segment of the guest, in [start, end); {@link TcpRelay.poll} must follow. */
  input(source: number, destination: number, bytes: Uint8Array, start: number, end: number): void {
    this.tcp.input(source, destination, bytes, start, end, this.owner.now());
  }
  /** The guest says that a segment of ours did not arrive: its beginning stands in [start, end). */
  unreachable(
    local: number,
    remote: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    kind: TcpUnreachable,
  ): void {
    this.tcp.unreachable(local, remote, bytes, start, end, kind, this.owner.now());
  }

  /** Carries on what the sockets have to say; {@link TcpRelay.poll} must follow. */
  deliver(): void {
    for (const flow of this.changed) this.pump(flow);
    this.changed.clear();
    for (const { rule, listener } of this.forwards) {
      while (this.flows.size < FLOWS) {
        const stream = listener.accept();
        if (stream === undefined) break;
        this.acceptHost(rule, stream);
      }
    }
  }

  /** Sends what is due; when that is next worth a call (nanoseconds of machine time), or undefined. */
  poll(): number | undefined {
    const now = this.owner.now();
    for (let i = 0; i < POLLS; i++) {
      this.tcp.poll(now);
      const next = this.tcp.nextDeadline();
      if (next === undefined || next > now) return next;
    }
    return now;
  }

  close(): void {
    for (const { stream } of this.flows.values()) {
      stream.onEvent = undefined;
      stream.abort();
    }
    this.flows.clear();
    for (const { listener } of this.forwards.splice(0)) listener.close();
  }

  /** A connection of the host to the guest: seen by it as one of the gateway, if it is of the host's own. */
  private acceptHost(rule: Forward, stream: HostStream): void {
    const { remoteAddress, remotePort } = stream;
    const address = isLoopback(remoteAddress) || remoteAddress === 0 ? this.options.host : remoteAddress;
    const remote = { address: rule.guestAddress, port: rule.guestPort };
    const now = this.owner.now();
    // Two sockets of the host may have the same port on different addresses: then another one does for the guest.
    const connection = this.tcp.connect({ address, port: remotePort }, remote, now) ??
      this.tcp.connect({ address, port: 0 }, remote, now);
    if (connection === undefined) return stream.abort();
    this.carry(connection, stream, false);
  }

  /** Connections that the guest wants: its SYN is answered when the host's end is open. */
  private acceptGuest(): void {
    for (;;) {
      const connection = this.listener.accept();
      if (connection === undefined) return;
      const { address, port } = connection.local;
      const target = address === this.options.host ? LOOPBACK : address;
      const inside = ((address ^ this.options.network) & this.options.mask) === 0 &&
        address !== this.options.host;
      if (this.options.restrict || inside || this.flows.size >= FLOWS) {
        connection.abort();
        continue;
      }
      const stream = this.host.connect(target, port);
      if (stream !== undefined) {
        this.carry(connection, stream, true);
        continue;
      }
      this.owner.refused(`tcp ${formatAddress(target)}:${port}`);
      connection.abort();
    }
  }

  private carry(connection: TcpConnection, stream: HostStream, unanswered: boolean): void {
    const flow: Flow = { connection, stream, unanswered, guestTold: false, hostTold: false };
    this.flows.set(connection, flow);
    // The other end decides what belongs together: nothing waits here for company.
    connection.setNoDelay(true);
    connection.onChange = () => this.pump(flow);
    stream.onEvent = () => {
      this.changed.add(flow);
      this.owner.arrived();
    };
    this.pump(flow);
  }

  /** Moves what can be moved, and tells each side what became of the other. */
  private pump(flow: Flow): void {
    const { connection, stream } = flow;
    if (stream.state === "failed") {
      connection.abort();
      return this.drop(flow);
    }
    if (connection.error !== undefined) {
      stream.abort();
      return this.drop(flow);
    }
    if (stream.state === "connecting") return;
    if (flow.unanswered) {
      flow.unanswered = false;
      connection.answer();
    }
    while (connection.writable > 0 && stream.input.length > 0) {
      const taken = connection.write(stream.input);
      if (taken === 0) break;
      stream.take(taken);
    }
    if (stream.state === "ended" && !flow.guestTold) {
      flow.guestTold = true;
      connection.shutdownWrite();
    }
    while (connection.readable > 0) {
      const { space } = stream;
      if (space.length === 0) break;
      stream.commit(connection.read(space));
    }
    if (connection.ended && !flow.hostTold) {
      flow.hostTold = true;
      stream.end();
    }
    if (flow.hostTold && flow.guestTold && isOver(connection)) this.drop(flow);
  }

  private drop(flow: Flow): void {
    flow.stream.onEvent = undefined;
    flow.connection.onChange = undefined;
    this.changed.delete(flow);
    this.flows.delete(flow.connection);
    // A place is free for a connection that waits.
    this.owner.arrived();
  }
}

/** The guest knows that all is said. */
function isOver({ state }: TcpConnection): boolean {
  return state === "CLOSED" || state === "TIME-WAIT";
}
