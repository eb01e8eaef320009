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

/**
 * TCP (RFC 9293) for any number of addresses: a state machine without timers or sockets of its own. All times are
 * nanoseconds that never decrease.
 *
 * How a host drives it: `input` for each segment that arrives, then one `poll`; another `poll` when
 * {@link Tcp.nextDeadline} has come, and when there is room again after a refused {@link TcpHost.send}. Users' calls
 * (write, read, close ...) only take note; `nextDeadline` then is now.
 */
export class Tcp {
  declare readonly counters: TcpCounters;

  constructor(_host: TcpHost, _options: TcpOptions = {}) {
    throw new Error("under construction");
  }
  /**
   * A segment has arrived: TCP header and payload in [start, end) of `bytes`, which are the caller's again on return.
   * Acknowledgments that cannot wait are sent at once, everything else by {@link Tcp.poll}.
   *
   * @param trusted the checksum needs no look.
   */
  input(
    _source: number,
    _destination: number,
    _bytes: Uint8Array,
    _start: number,
    _end: number,
    _now: number,
    _trusted = false,
  ): void {}
  /** Lets timers fire, tells users what has changed, and sends what is due and the host takes. */
  poll(_now: number): void {}
  /**
   * When {@link Tcp.poll} has something to do: a time that may have passed already, or undefined for "not before the next
   * segment or call". What the host refused to send does not count: it calls `poll` when it has room.
   */
  nextDeadline(): number | undefined {
    return undefined;
  }
  /** Listens; undefined if somebody does so there already. A more special listener comes before one for any address or port. */
  listen(_local: TcpEndpoint, _options?: ListenOptions): TcpListener | undefined {
    return undefined;
  }
  /** Opens a connection; undefined if the local port is taken (or none is free, or there are too many connections). */
  connect(_local: TcpEndpoint, _remote: TcpEndpoint, _now: number): TcpConnection | undefined {
    return undefined;
  }
  /**
   * An ICMP error came back for a segment from `local` to `remote`: at least its first 8 bytes stand in [start, end). It
   * is believed only if it can be about something in flight (RFC 5927).
   *
   * @param mtu the next hop's, where it says "fragmentation needed".
   */
  unreachable(
    _local: number,
    _remote: number,
    _bytes: Uint8Array,
    _start: number,
    _end: number,
    _kind: TcpUnreachable,
    _now: number,
    _mtu = 0,
  ): void {}
  /** All connections that are not CLOSED, for inspection. */
  get connections(): Iterable<TcpConnection> {
    return [];
  }
  /** Bytes in the buffers of all connections. */
  get memory(): number {
    return 0;
  }
}
