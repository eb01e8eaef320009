/** What TCP asks of its host, and what its users see. */

/** One end of a connection. */
export interface TcpEndpoint {
  /** IPv4 as an unsigned 32-bit number; 0 is any where one listens. */
  readonly address: number;
  /** 0 is any where one listens, and "choose one" where one connects. */
  readonly port: number;
}

/** Carries segments. It must not call back into the {@link Tcp} from within. */
export interface TcpHost {
  /** Bytes in front of each segment that {@link TcpHost.send} may write its own headers into. Default 0. */
  readonly headroom?: number;
  /**
   * Whether checksums are filled in behind {@link TcpHost.send}: the field then holds the sum of the pseudo header, not
   * complemented, as devices want it (virtio 1.4, 5.1.6.2). Default: they are complete.
   */
  readonly fillsChecksums?: boolean;
  /**
   * Sends a segment: header and payload stand in [start, end) of `bytes`, which are the Tcp's again on return; the
   * `headroom` bytes before `start` are the host's to write.
   *
   * @returns false if there is no room now. The segment is not lost: it is built again at the next {@link Tcp.poll},
   *   which the host calls when there is room.
   */
  send(source: number, destination: number, bytes: Uint8Array, start: number, end: number): boolean;
  /** Whether {@link TcpHost.send} would take a segment now; spares the building of those that it would not. Default: yes. */
  canSend?(destination: number): boolean;
  /** The next 32 random bits; unpredictable outside of tests, since initial sequence numbers depend on it (RFC 6528). */
  random32(): number;
  /** Bytes of the largest IP packet on the way to `destination`. */
  mtu(destination: number): number;
}

/** Sizes in bytes, times in nanoseconds. */
export interface TcpOptions {
  /** Most bytes that wait in a connection to be read; at least 1; default 512 KiB. Room is taken as it is needed. */
  readonly receiveBuffer?: number;
  /** Most bytes that wait in a connection to be acknowledged; at least 1; default 512 KiB. */
  readonly sendBuffer?: number;
  /** Most bytes in the buffers of all connections, above 4 KiB each; default 64 MiB. Beyond it, writers wait. */
  readonly memory?: number;
  /** Most connections; default 65536. More are refused as if the backlog were full. */
  readonly connections?: number;
  /** Bounds of the retransmission timeout (RFC 6298); default 200 ms (as Linux; the RFC's second is long) and 60 s. */
  readonly minRto?: number;
  readonly maxRto?: number;
  /** Longest that an acknowledgment waits for company (RFC 9293, 3.8.6.3: below 500 ms); default 40 ms. */
  readonly delayedAck?: number;
  /** Twice the maximum segment lifetime; default 60 s. */
  readonly timeWait?: number;
  /** Longest wait of a closed connection for its peer's FIN; default 60 s. */
  readonly finWait?: number;
  /** How long nothing need be acknowledged before a connection is given up (RFC 5482); default 5 minutes. */
  readonly userTimeout?: number;
  /** The same for connections that are being opened; default 3 minutes (RFC 9293, 3.8.3). */
  readonly connectTimeout?: number;
  /** Whether selective acknowledgments and window scale are offered; default yes. */
  readonly sack?: boolean;
  readonly windowScale?: boolean;
  /** Ports to choose from, both included; default 49152 to 65535 (RFC 6335). */
  readonly ports?: readonly [first: number, last: number];
}

/** RFC 9293, 3.3.2. */
export type TcpState =
  | "LISTEN"
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSE-WAIT"
  | "CLOSING"
  | "LAST-ACK"
  | "TIME-WAIT"
  | "CLOSED";

/**
 * Why a connection ended before its time: `reset` by the peer, `refused` by the peer when it was opened, `timedOut`,
 * `unreachable` as ICMP said, `aborted` by ourselves.
 */
export type TcpErrorKind = "reset" | "refused" | "timedOut" | "unreachable" | "aborted";

/** Times in nanoseconds (RFC 9293, 3.8.4). */
export interface KeepAlive {
  /** Silence before the first probe; default 2 hours. */
  readonly idle?: number;
  /** Between probes; default 75 s. */
  readonly interval?: number;
  /** Probes without an answer until the connection is `timedOut`; default 9. */
  readonly count?: number;
}

/**
 * A connection. Nothing here waits or sends: what is to be sent leaves at the next {@link Tcp.poll}, and
 * {@link Tcp.nextDeadline} says that it is due.
 */
export interface TcpConnection {
  readonly state: TcpState;
  readonly local: TcpEndpoint;
  readonly remote: TcpEndpoint;
  /** Why the connection failed; what had been received before may still be read. */
  readonly error: TcpErrorKind | undefined;
  /** Bytes that {@link TcpConnection.read} would give now. */
  readonly readable: number;
  /** The peer has sent its FIN and everything before it has been read. */
  readonly ended: boolean;
  /** Bytes that {@link TcpConnection.write} would take now. */
  readonly writable: number;
  /** Bytes that were written and are not acknowledged. */
  readonly unacknowledged: number;
  /** Called by {@link Tcp.poll}, and by nothing else, when state, readable or writable have changed. */
  onChange: ((connection: TcpConnection) => void) | undefined;
  /** For the user: what belongs to the connection. */
  context: unknown;
  /** Takes up to `target.length` bytes; 0 if there are none now, or none any more ({@link TcpConnection.ended}, error). */
  read(target: Uint8Array): number;
  /** Queues what there is room for; returns how much. 0 after {@link TcpConnection.shutdownWrite} or an error. */
  write(bytes: Uint8Array): number;
  /** Sends FIN after what was written; reading goes on. */
  shutdownWrite(): void;
  /**
   * Nothing more will be read or written: FIN follows what was written. If something was not read, or still comes, the
   * peer is told with RST (RFC 9293, 3.6.1): who wants his last words heard uses {@link TcpConnection.shutdownWrite} and
   * reads to the end first.
   */
  close(): void;
  /** RST: the connection is gone, and so is what was written. */
  abort(): void;
  /**
   * Where a listener holds its connections back ({@link ListenOptions.hold}): answers the SYN. To refuse it, there is
   * {@link TcpConnection.abort}.
   */
  answer(): void;
  /** Whether small segments go out at once, rather than one at a time (RFC 9293, 3.7.4: Nagle). Default false. */
  setNoDelay(on: boolean): void;
  /** Default false. */
  setKeepAlive(on: KeepAlive | false): void;
  /** See {@link TcpOptions.userTimeout}; `Infinity` is never. */
  setUserTimeout(nanoseconds: number): void;
}

export interface ListenOptions {
  /** Most connections that are opening, or open and not accepted; more SYNs go unanswered. Default 128. */
  readonly backlog?: number;
  /**
   * A connection is given to {@link TcpListener.accept} on its SYN, in SYN-RECEIVED, and the SYN stays unanswered until
   * {@link TcpConnection.answer}: so that one may look first whether what is behind can be reached.
   */
  readonly hold?: boolean;
}

/** Takes connections from others. */
export interface TcpListener {
  readonly local: TcpEndpoint;
  /** Connections that {@link TcpListener.accept} would give. */
  readonly ready: number;
  /** Called by {@link Tcp.poll}, and by nothing else, when there are more. */
  onChange: ((listener: TcpListener) => void) | undefined;
  /** The next connection, or undefined. */
  accept(): TcpConnection | undefined;
  /** Listens no more; connections that were not accepted are reset. */
  close(): void;
}

/** What has happened so far. */
export interface TcpCounters {
  segmentsIn: number;
  segmentsOut: number;
  /** Payload, repeated or not. */
  bytesIn: number;
  bytesOut: number;
  /** Segments that were not looked at: wrong checksum, impossible header. */
  badChecksum: number;
  malformed: number;
  /** Opened by us, by others. */
  activeOpens: number;
  passiveOpens: number;
  /** SYNs that went unanswered since the backlog was full. */
  synsDropped: number;
  resetsIn: number;
  resetsOut: number;
  challengeAcks: number;
  /** Segments sent again, and why: timer, or acknowledgments of later ones. */
  retransmitted: number;
  timeouts: number;
  recoveries: number;
  tailProbes: number;
  windowProbes: number;
  keepAliveProbes: number;
  outOfOrder: number;
  duplicates: number;
  /** Segments that were dropped as {@link TcpOptions.memory} was used up. */
  noMemory: number;
}

/** What an ICMP message says of a segment of ours. */
export type TcpUnreachable = "host" | "port" | "fragmentation";
