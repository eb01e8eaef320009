import { foldSum, pseudoHeaderSum, sumBytes } from "../checksum.ts";
import { PROTOCOL_TCP } from "../ipv4.ts";
import { ACK, FIN, readTcp, RST, SYN, TcpHeader } from "../tcp_header.ts";
import type { Connection } from "./connection.ts";
import { Core, HEADERS } from "./core.ts";
import { fire } from "./fire.ts";
import { openActively, openPassively } from "./handshake.ts";
import { arrive } from "./input.ts";
import { fail } from "./lifecycle.ts";
import { Listener } from "./listener.ts";
import { output } from "./output.ts";
import { after, before } from "./seq.ts";
import type {
  ListenOptions,
  TcpConnection,
  TcpCounters,
  TcpEndpoint,
  TcpHost,
  TcpListener,
  TcpOptions,
  TcpUnreachable,
} from "./types.ts";

const BACKLOG = 128;
/** An MTU below this is not believed (RFC 1191, 3: 68; but a forged one would cost a lot). */
const LEAST_MTU = 552;

/**
 * TCP (RFC 9293) for any number of addresses: a state machine without timers or sockets of its own. All times are
 * nanoseconds that never decrease.
 *
 * How a host drives it: `input` for each segment that arrives, then one `poll`; another `poll` when
 * {@link Tcp.nextDeadline} has come, and when there is room again after a refused {@link TcpHost.send}. Users' calls
 * (write, read, close ...) only take note; `nextDeadline` then is now. Segments from or to broadcast and multicast
 * addresses are not to be handed in (RFC 9293, 3.9.2.3).
 */
export class Tcp {
  declare private readonly core: Core;
  /** By port; 0 is any. */
  declare private readonly listeners: Map<number, Listener[]>;
  declare private readonly header: TcpHeader;
  private nextPort = -1;

  constructor(host: TcpHost, options: TcpOptions = {}) {
    this.core = new Core(host, options);
    this.listeners = new Map();
    this.header = new TcpHeader();
  }

  get counters(): TcpCounters {
    return this.core.counters;
  }
  /** Bytes in the buffers of all connections. */
  get memory(): number {
    return this.core.buffers.used;
  }
  /** All connections that are not CLOSED, for inspection. */
  get connections(): Iterable<TcpConnection> {
    return this.core.table;
  }

  /**
   * A segment has arrived: TCP header and payload in [start, end) of `bytes`, which are the caller's again on return.
   * Acknowledgments that cannot wait are sent at once, everything else by {@link Tcp.poll}.
   *
   * @param trusted the checksum needs no look.
   */
  input(
    source: number,
    destination: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
    trusted = false,
  ): void {
    const { core, header } = this;
    core.clock(now);
    core.counters.segmentsIn++;
    if (readTcp(header, bytes, start, end) !== undefined) {
      core.counters.malformed++;
      return;
    }
    if (!trusted) {
      const sum = pseudoHeaderSum(source, destination, PROTOCOL_TCP, end - start) +
        sumBytes(bytes, start, end);
      if (foldSum(sum) !== 0xffff) {
        core.counters.badChecksum++;
        return;
      }
    }
    const { sourcePort, destinationPort } = header;
    const c = core.table.find(destination, destinationPort, source, sourcePort);
    if (c === undefined) this.arriveUnknown(source, destination, end, undefined);
    else if (c.state === "TIME-WAIT" && follows(c, header)) this.arriveUnknown(source, destination, end, c);
    else if (arrive(c, header, bytes, end) === "reset") this.reset(source, destination, end);
  }

  /** Lets timers fire, tells users what has changed, and sends what is due and the host takes. */
  poll(now: number): void {
    const { core } = this;
    core.clock(now);
    core.readmit();
    for (let c = core.timers.due(core.now); c !== undefined; c = core.timers.due(core.now)) fire(c);
    core.tell();
    for (let c = core.nextToSend(); c !== undefined; c = core.nextToSend()) {
      const turn = output(c);
      if (turn === "more") core.wake(c);
      else if (turn === "refused") core.refuse(c);
    }
  }

  /**
   * When {@link Tcp.poll} has something to do: a time that may have passed already, or undefined for "not before the next
   * segment or call". What the host refused to send does not count: it calls `poll` when it has room.
   */
  nextDeadline(): number | undefined {
    const { core } = this;
    if (core.busy) return core.now;
    const next = core.timers.next();
    return next === Infinity ? undefined : next;
  }

  /** Listens; undefined if somebody does so there already. A more special listener comes before one for any address or port. */
  listen(local: TcpEndpoint, options: ListenOptions = {}): TcpListener | undefined {
    const there = this.listeners.get(local.port) ?? [];
    if (there.some((l) => l.local.address === local.address)) return undefined;
    const { backlog = BACKLOG, hold = false } = options;
    const listener = new Listener(this.core, { ...local }, Math.max(1, backlog), hold, (l) => this.forget(l));
    this.listeners.set(local.port, [...there, listener]);
    return listener;
  }

  /** Opens a connection; undefined if the local port is taken (or none is free, or there are too many connections). */
  connect(local: TcpEndpoint, remote: TcpEndpoint, now: number): TcpConnection | undefined {
    const { core } = this;
    core.clock(now);
    if (!this.makeRoom()) return undefined;
    const port = local.port === 0 ? this.choosePort(local.address, remote) : local.port;
    if (port === undefined) return undefined;
    const old = core.table.find(local.address, port, remote.address, remote.port);
    if (old !== undefined) return undefined;
    return openActively(core, { address: local.address, port }, { ...remote });
  }

  /**
   * An ICMP error came back for a segment from `local` to `remote`: at least its first 8 bytes stand in [start, end). It
   * is believed only if it can be about something in flight (RFC 5927).
   *
   * @param mtu the next hop's, where it says "fragmentation needed".
   */
  unreachable(
    local: number,
    remote: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    kind: TcpUnreachable,
    now: number,
    mtu = 0,
  ): void {
    const { core } = this;
    core.clock(now);
    if (end - start < 8) return;
    const localPort = bytes[start] << 8 | bytes[start + 1],
      remotePort = bytes[start + 2] << 8 | bytes[start + 3];
    const sequence = bytes[start + 4] << 24 | bytes[start + 5] << 16 | bytes[start + 6] << 8 |
      bytes[start + 7];
    const c = core.table.find(local, localPort, remote, remotePort);
    if (c === undefined || before(sequence, c.una) || !before(sequence, c.nxt)) return;
    if (kind !== "fragmentation") {
      // Once the connection is open this may pass (RFC 9293, 3.9.2.2: soft errors).
      if (c.state === "SYN-SENT") fail(c, kind === "port" ? "refused" : "unreachable");
    } else if (mtu >= LEAST_MTU && mtu - HEADERS < c.mss) {
      c.mss = mtu - HEADERS;
      c.congestion.resize(c.mss);
      c.segments.loseAll();
      c.repeatFirst = true;
      core.wake(c);
    }
  }

  /** A segment for no connection: a listener may want it (RFC 9293, 3.10.7.1 and 3.10.7.2). */
  private arriveUnknown(source: number, destination: number, end: number, old: Connection | undefined): void {
    const { core, header } = this;
    const { flags } = header;
    if ((flags & RST) !== 0) return;
    const listener = this.listenerFor(destination, header.destinationPort);
    if (listener === undefined || (flags & ACK) !== 0) return this.reset(source, destination, end);
    if ((flags & SYN) === 0 || (flags & FIN) !== 0) return;
    if (!listener.admit() || old === undefined && !this.makeRoom()) {
      core.counters.synsDropped++;
      return;
    }
    if (old !== undefined) fail(old, undefined);
    const local = { address: destination, port: header.destinationPort };
    openPassively(core, listener, local, { address: source, port: header.sourcePort }, header, old);
  }

  private listenerFor(address: number, port: number): Listener | undefined {
    for (const key of [port, 0]) {
      const there = this.listeners.get(key);
      const found = there?.find((l) => l.local.address === address) ??
        there?.find((l) => l.local.address === 0);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  private forget(listener: Listener): void {
    const { port } = listener.local;
    const left = (this.listeners.get(port) ?? []).filter((l) => l !== listener);
    if (left.length === 0) this.listeners.delete(port);
    else this.listeners.set(port, left);
  }

  /** Whether there may be one connection more; the oldest in TIME-WAIT gives way. */
  private makeRoom(): boolean {
    const { table, timeWaits, options } = this.core;
    if (table.count < options.connections) return true;
    const [oldest] = timeWaits;
    if (oldest === undefined) return false;
    fail(oldest, undefined);
    return true;
  }

  /** A port that is free for `remote`: one after the other, from a random one on (RFC 6056, 3.3.1). */
  private choosePort(local: number, remote: TcpEndpoint): number | undefined {
    const { core } = this;
    const [first, last] = core.options.ports;
    const count = last - first + 1;
    if (this.nextPort < 0) this.nextPort = (core.host.random32() >>> 0) % count;
    for (let tries = 0; tries < count; tries++) {
      const port = first + this.nextPort;
      this.nextPort = (this.nextPort + 1) % count;
      const taken = core.table.find(local, port, remote.address, remote.port) !== undefined ||
        this.listeners.has(port);
      if (!taken) return port;
    }
    return undefined;
  }

  /** Answers the segment that {@link Tcp.header} holds with a reset (RFC 9293, 3.10.7.1); if it gets lost, so be it. */
  private reset(source: number, destination: number, end: number): void {
    const { core, header } = this;
    const { flags } = header;
    if ((flags & RST) !== 0) return;
    const { out } = core;
    const acknowledged = (flags & ACK) !== 0;
    const length = end - header.payload + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
    out.sourcePort = header.destinationPort;
    out.destinationPort = header.sourcePort;
    out.flags = acknowledged ? RST : RST | ACK;
    out.sequence = acknowledged ? header.acknowledgment : 0;
    out.acknowledgment = acknowledged ? 0 : (header.sequence + length) >>> 0;
    out.window = 0;
    out.urgent = 0;
    out.mss = 0;
    out.windowScale = -1;
    out.sackPermitted = false;
    out.sackBlocks = 0;
    if (core.transmit(destination, source, undefined, 0, 0)) core.counters.resetsOut++;
  }
}

/** Whether a SYN opens the connection anew that is in TIME-WAIT (RFC 9293, 3.6.1; RFC 6191): only with a later number. */
function follows(c: Connection, { flags, sequence }: TcpHeader): boolean {
  return (flags & (SYN | RST | ACK)) === SYN && after(sequence | 0, c.queue.next);
}
