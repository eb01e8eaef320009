import { Ring } from "./buffers.ts";
import { Congestion } from "./congestion.ts";
import type { Core } from "./core.ts";
import { finish, pushTimer } from "./lifecycle.ts";
import type { Listener } from "./listener.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import { RoundTrip } from "./rtt.ts";
import { SentSegments } from "./segments.ts";
import { distance } from "./seq.ts";
import type { Timed } from "./timers.ts";
import type { KeepAlive, TcpConnection, TcpEndpoint, TcpErrorKind, TcpState } from "./types.ts";
import { windowUpdateDue } from "./window.ts";

/** Unscaled windows end here; connections begin with this much, and get more when their users keep up. */
const FIRST_WINDOW = 65535;
const IDLE = 7200e9, INTERVAL = 75e9, PROBES = 9;

/** How a connection gets over a loss: not at all, by the acknowledgments of later segments, by its timer. */
export type Recovery = "none" | "fast" | "timeout";

/**
 * A connection's state (RFC 9293, 3.3.1: the TCB) and what its user calls. What the wire does to it is in `input.ts`,
 * `ack.ts`, `loss.ts` and `output.ts`, which is why the fields are open.
 */
export class Connection implements TcpConnection, Timed {
  state: TcpState = "SYN-SENT";
  error: TcpErrorKind | undefined = undefined;
  onChange: ((connection: TcpConnection) => void) | undefined = undefined;
  context: unknown = undefined;

  // Places in the core's tables and queues.
  nextInTable: Connection | undefined = undefined;
  nextToSend: Connection | undefined = undefined;
  queued = false;
  noticed = false;
  filedUnder = 0;
  place = -1;
  /** Who gets it when it is open; undefined once it was accepted, or if we opened it. */
  listener: Listener | undefined = undefined;
  /** Opened by the peer. */
  passive = false;
  /** The SYN is not to be answered yet. */
  held = false;

  // Send sequence. `una`, `nxt`, `wl1`, `wl2` and `iss` as in the RFC; `window` is scaled.
  iss = 0;
  una = 0;
  nxt = 0;
  window = 0;
  windowMax = 0;
  wl1 = 0;
  wl2 = 0;
  /** The number of the first byte in `sendRing`. */
  dataStart = 0;
  /** Where the last segment ends that was shorter than the MSS (Nagle as Minshall has it). */
  smallEnd = 0;
  mss = 536;
  /** Shifts of the peer's windows and of ours; whether both sides shift. */
  scaled = false;
  sendScale = 0;
  receiveScale = 0;
  sackAllowed = false;
  declare readonly sendRing: Ring;
  declare readonly segments: SentSegments;
  /** The user has said that nothing more comes. */
  finQueued = false;
  finSent = false;

  // Receive sequence; `queue.next` is RCV.NXT.
  irs = 0;
  /** The right edge of the largest window that was offered. */
  offered = 0;
  /** RCV.NXT of the last acknowledgment. */
  lastAck = 0;
  /** The number of the peer's FIN, if it is known. */
  finAt: number | undefined = undefined;
  finReceived = false;
  declare readonly queue: ReceiveQueue;
  /** What may be in the queue at present, and at most; read by the user since it last grew. */
  receiveLimit = 0;
  receiveMax = 0;
  private consumed = 0;
  /** The longest segment that came: about the peer's MSS; and the MSS that we named. */
  peerMss = 536;
  ownMss = 536;
  /** What came twice, to be reported (RFC 2883). */
  twiceStart = 0;
  twiceEnd = 0;

  // What is to be sent.
  synDue = false;
  ackDue = false;
  resetDue = false;
  /** The first segment goes out again whatever the windows say. */
  repeatFirst = false;
  /** At least one byte goes out whatever the window says. */
  probeDue = false;
  keepAliveDue = false;
  /** The user has left: the wait for the peer's FIN is limited from now on. */
  finWaitDue = false;
  tailDue = false;
  /** The host refused the last segment. */
  blocked = false;

  // Time and loss.
  rtoAt = Infinity;
  /** Of the tail probe, or of the wait for reordered segments. */
  probeAt = Infinity;
  probeIsTail = false;
  ackAt = Infinity;
  idleAt = Infinity;
  /** The window keeps everything back: `rtoAt` is the next probe of it. */
  persisting = false;
  openedAt = 0;
  /** When the peer last said anything; when it last acknowledged something new; when data was last sent. */
  heardAt = 0;
  progressAt = 0;
  sentAt = 0;
  synLost = false;
  declare readonly rtt: RoundTrip;
  declare readonly congestion: Congestion;
  recovery: Recovery = "none";
  /** Recovery ends when this is acknowledged. */
  recoverAt = 0;
  duplicateAcks = 0;
  /** The segment of those delivered that was sent last (RFC 8985, 5.2), and its round trip. */
  rackSentAt = 0;
  rackEnd = 0;
  rackTime = 0;
  /** The highest number that the peer is known to have. */
  highest = 0;
  reordering = false;
  reorderSteps = 1;
  /** A tail probe is out; what it ends with; whether it repeated something (RFC 8985, 7). */
  tailOut = false;
  tailEnd = 0;
  tailRepeats = false;
  /** Challenge acknowledgments in the present second. */
  challengeAt = 0;
  challenges = 0;

  // The user's wishes.
  noDelay = false;
  closed = false;
  keepAlive: Required<KeepAlive> | undefined = undefined;
  keepAliveCount = 0;
  userTimeout: number;

  constructor(readonly core: Core, readonly local: TcpEndpoint, readonly remote: TcpEndpoint) {
    const { options } = core;
    this.sendRing = new Ring(core.buffers);
    this.segments = new SentSegments(core.segments);
    this.queue = new ReceiveQueue(core.buffers);
    this.rtt = new RoundTrip(options.minRto, options.maxRto);
    this.congestion = new Congestion();
    this.receiveMax = options.receiveBuffer;
    this.receiveLimit = Math.min(FIRST_WINDOW, this.receiveMax);
    this.userTimeout = options.userTimeout;
    this.openedAt = this.heardAt = this.progressAt = core.now;
  }

  /** The number behind the last byte that was written. */
  get dataEnd(): number {
    return (this.dataStart + this.sendRing.length) | 0;
  }
  /** Bytes that are thought to be on their way. */
  get pipe(): number {
    const { segments } = this;
    let pipe = distance(this.nxt, this.una) - segments.sacked - segments.lost;
    // A peer without SACK tells by each duplicate acknowledgment that one segment has arrived.
    if (!this.sackAllowed && this.recovery !== "timeout") pipe -= this.duplicateAcks * this.mss;
    return pipe > 0 ? pipe : 0;
  }

  get readable(): number {
    return this.queue.length;
  }
  get ended(): boolean {
    return this.finReceived && this.queue.length === 0;
  }
  get unacknowledged(): number {
    return this.sendRing.length;
  }
  get writable(): number {
    if (!this.mayWrite) return 0;
    const { sendRing, core } = this;
    const room = Math.max(sendRing.capacity, core.buffers.largest(sendRing.capacity));
    return Math.max(0, Math.min(core.options.sendBuffer, room) - sendRing.length);
  }
  private get mayWrite(): boolean {
    const { state } = this;
    return !this.finQueued &&
      (state === "ESTABLISHED" || state === "CLOSE-WAIT" || state === "SYN-SENT" || state === "SYN-RECEIVED");
  }

  read(target: Uint8Array): number {
    const { queue, core } = this;
    const count = queue.read(target);
    if (count === 0) return 0;
    this.consumed += count;
    if (this.consumed >= this.receiveLimit && this.receiveLimit < this.receiveMax) {
      // The user keeps up: a larger window may be what is missing.
      if (core.buffers.largest(0) >= 4 * this.receiveLimit) {
        this.receiveLimit = Math.min(2 * this.receiveLimit, this.receiveMax);
      }
      this.consumed = 0;
    }
    if (!this.finReceived && this.state !== "CLOSED" && windowUpdateDue(this)) {
      this.ackDue = true;
      core.wake(this);
    }
    return count;
  }

  write(bytes: Uint8Array): number {
    if (!this.mayWrite || bytes.length === 0) return 0;
    const { sendRing, core } = this;
    const wanted = Math.min(bytes.length, core.options.sendBuffer - sendRing.length);
    const count = Math.min(wanted, sendRing.reserve(sendRing.length + wanted) - sendRing.length);
    if (count <= 0) return 0;
    sendRing.put(sendRing.length, bytes, 0, count);
    sendRing.length += count;
    core.wake(this);
    return count;
  }

  shutdownWrite(): void {
    if (!this.mayWrite) return;
    this.finQueued = true;
    if (this.state === "ESTABLISHED") this.state = "FIN-WAIT-1";
    else if (this.state === "CLOSE-WAIT") this.state = "LAST-ACK";
    this.core.wake(this);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { state, core } = this;
    if (state === "SYN-SENT") finish(this, undefined);
    else if (this.held) this.abort();
    else if (this.queue.length > 0 && state !== "LAST-ACK" && state !== "CLOSING" && state !== "TIME-WAIT") {
      this.abort();
    } else {
      this.shutdownWrite();
      if (state === "FIN-WAIT-2") {
        this.finWaitDue = true;
        core.wake(this);
      }
    }
    if (this.queue.length > 0) this.queue.clear();
  }

  abort(): void {
    this.closed = true;
    const { state } = this;
    if (
      state === "SYN-RECEIVED" || state === "ESTABLISHED" || state === "CLOSE-WAIT" ||
      state === "FIN-WAIT-1" || state === "FIN-WAIT-2"
    ) this.resetDue = true;
    if (state !== "CLOSED") finish(this, "aborted");
    this.queue.clear();
    if (this.resetDue) this.core.wake(this);
  }

  answer(): void {
    if (!this.held) return;
    this.held = false;
    this.synDue = true;
    this.core.wake(this);
  }

  setNoDelay(on: boolean): void {
    this.noDelay = on;
    if (on) this.core.wake(this);
  }

  setKeepAlive(on: KeepAlive | false): void {
    this.keepAliveCount = 0;
    if (on === false) {
      this.keepAlive = undefined;
      return;
    }
    this.keepAlive = { idle: on.idle ?? IDLE, interval: on.interval ?? INTERVAL, count: on.count ?? PROBES };
    this.startKeepAlive();
  }
  /** Begins to count silence, where the state has a use for it. */
  startKeepAlive(): void {
    const { state, keepAlive } = this;
    if (keepAlive === undefined || state === "TIME-WAIT" || state === "CLOSED" || state === "SYN-SENT") {
      return;
    }
    if (state === "SYN-RECEIVED" || state === "FIN-WAIT-2" && this.closed) return;
    this.idleAt = this.heardAt + keepAlive.idle;
    pushTimer(this, this.idleAt);
  }

  setUserTimeout(nanoseconds: number): void {
    this.userTimeout = nanoseconds;
  }

  deadline(): number {
    return Math.min(this.rtoAt, this.probeAt, this.ackAt, this.idleAt);
  }
  /** For {@link Core.tell}. */
  tell(): void {
    this.onChange?.(this);
  }
}
