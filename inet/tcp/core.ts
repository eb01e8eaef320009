import { foldSum, pseudoHeaderSum, sumBytes } from "../checksum.ts";
import { PROTOCOL_TCP } from "../ipv4.ts";
import { setTcpChecksum, TCP_HEADER_MAX, TcpHeader, writeTcp } from "../tcp_header.ts";
import { BufferPool, type Ring } from "./buffers.ts";
import type { Connection } from "./connection.ts";
import { ConnectionHash } from "./isn.ts";
import type { Listener } from "./listener.ts";
import { SegmentPool } from "./segments.ts";
import { ConnectionTable } from "./table.ts";
import { TimerQueue } from "./timers.ts";
import type { TcpCounters, TcpHost, TcpOptions } from "./types.ts";

/** Bytes of the IP header and of ours, which the MTU covers and the MSS does not. */
export const HEADERS = 40;
const SECOND = 1e9, MINUTE = 60e9;

/** Options with what they are by default. */
function resolve(options: TcpOptions): Required<TcpOptions> {
  return {
    receiveBuffer: 512 << 10,
    sendBuffer: 512 << 10,
    memory: 64 << 20,
    connections: 65536,
    minRto: SECOND / 5,
    maxRto: MINUTE,
    delayedAck: SECOND / 25,
    timeWait: MINUTE,
    finWait: MINUTE,
    userTimeout: 5 * MINUTE,
    connectTimeout: 3 * MINUTE,
    sack: true,
    windowScale: true,
    ports: [49152, 65535],
    ...options,
  };
}

function noCounts(): TcpCounters {
  return {
    segmentsIn: 0,
    segmentsOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    badChecksum: 0,
    malformed: 0,
    activeOpens: 0,
    passiveOpens: 0,
    synsDropped: 0,
    resetsIn: 0,
    resetsOut: 0,
    challengeAcks: 0,
    retransmitted: 0,
    timeouts: 0,
    recoveries: 0,
    tailProbes: 0,
    windowProbes: 0,
    keepAliveProbes: 0,
    outOfOrder: 0,
    duplicates: 0,
    noMemory: 0,
  };
}

/** What all connections of a {@link Tcp} share: buffers, timers, and the way out. */
export class Core {
  /** The time of the last call that told it, in nanoseconds. */
  now = 0;
  declare readonly options: Required<TcpOptions>;
  declare readonly counters: TcpCounters;
  declare readonly buffers: BufferPool;
  declare readonly segments: SegmentPool;
  declare readonly table: ConnectionTable;
  declare readonly timers: TimerQueue<Connection>;
  declare readonly hash: ConnectionHash;
  /** Connections in TIME-WAIT, the oldest first. */
  declare readonly timeWaits: Set<Connection>;
  /** The header of the segment that is being sent. */
  declare readonly out: TcpHeader;
  declare private readonly frame: Uint8Array;
  declare private readonly headroom: number;

  // Who has something to send: a queue through the connections. Those that the host refused wait apart.
  private firstToSend: Connection | undefined = undefined;
  private lastToSend: Connection | undefined = undefined;
  declare private refused: Connection[];
  /** Whose users are to be told. */
  declare private notices: (Connection | Listener)[];

  constructor(readonly host: TcpHost, options: TcpOptions) {
    const random32 = () => host.random32();
    this.options = resolve(options);
    this.counters = noCounts();
    this.buffers = new BufferPool(this.options.memory);
    this.segments = new SegmentPool();
    this.table = new ConnectionTable(random32);
    this.timers = new TimerQueue();
    this.hash = new ConnectionHash(random32);
    this.timeWaits = new Set();
    this.out = new TcpHeader();
    this.headroom = host.headroom ?? 0;
    this.frame = new Uint8Array(this.headroom + TCP_HEADER_MAX + 65535);
    this.refused = [];
    this.notices = [];
  }

  /** The time has come, whatever it was before: it never goes back. */
  clock(now: number): void {
    if (now > this.now) this.now = now;
  }

  /** `connection` may have something to send. */
  wake(connection: Connection): void {
    if (connection.queued) return;
    connection.queued = true;
    connection.nextToSend = undefined;
    if (this.lastToSend === undefined) this.firstToSend = connection;
    else this.lastToSend.nextToSend = connection;
    this.lastToSend = connection;
  }
  /** The next that may have something to send, taken out of the queue. */
  nextToSend(): Connection | undefined {
    const connection = this.firstToSend;
    if (connection === undefined) return undefined;
    this.firstToSend = connection.nextToSend;
    if (this.firstToSend === undefined) this.lastToSend = undefined;
    connection.nextToSend = undefined;
    connection.queued = false;
    return connection;
  }
  /** The host has no room for what `connection` would send: it waits for the next poll. */
  refuse(connection: Connection): void {
    if (connection.queued) return;
    connection.queued = true;
    this.refused.push(connection);
  }
  /** There may be room again. */
  readmit(): void {
    if (this.refused.length === 0) return;
    const { refused } = this;
    this.refused = [];
    for (const connection of refused) {
      connection.queued = false;
      this.wake(connection);
    }
  }

  /** `who` has news for its user. */
  notify(who: Connection | Listener): void {
    if (who.noticed) return;
    who.noticed = true;
    this.notices.push(who);
  }
  /** Tells users what is new, and what becomes new by that. */
  tell(): void {
    while (this.notices.length > 0) {
      const notices = this.notices;
      this.notices = [];
      for (const who of notices) {
        who.noticed = false;
        who.tell();
      }
    }
  }

  /** Whether a poll now would do something that is not a timer's. */
  get busy(): boolean {
    return this.firstToSend !== undefined || this.notices.length > 0;
  }

  /**
   * Sends {@link Core.out} with `length` bytes of `ring` from `offset` on.
   *
   * @returns false if the host has no room.
   */
  transmit(
    source: number,
    destination: number,
    ring: Ring | undefined,
    offset: number,
    length: number,
  ): boolean {
    const { frame, headroom, host } = this;
    if (host.canSend !== undefined && !host.canSend(destination)) return false;
    let end = headroom + writeTcp(this.out, frame, headroom);
    if (length > 0) {
      ring!.get(offset, length, frame, end);
      end += length;
    }
    let check = pseudoHeaderSum(source, destination, PROTOCOL_TCP, end - headroom);
    if (host.fillsChecksums !== true) check = foldSum(check + sumBytes(frame, headroom, end)) ^ 0xffff;
    setTcpChecksum(frame, headroom, check);
    if (!host.send(source, destination, frame, headroom, end)) return false;
    this.counters.segmentsOut++;
    this.counters.bytesOut += length;
    return true;
  }
}
