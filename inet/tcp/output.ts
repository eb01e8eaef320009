import { ACK, FIN, MAX_SACK_BLOCKS, PSH, RST, SYN, type TcpHeader } from "../tcp_header.ts";
import type { Connection } from "./connection.ts";
import { armAfterSending, armPersist } from "./deadlines.ts";
import { pushTimer } from "./lifecycle.ts";
import type { Segment } from "./segments.ts";
import { after, before, distance, earlier } from "./seq.ts";
import { offerWindow } from "./window.ts";

/** Segments that a connection sends before it is another's turn. */
const TURN = 32;
/** Segments in flight: a bound to what must be remembered of them. */
const MAX_IN_FLIGHT = 4096;

/** What became of a connection's turn: nothing is left, others first, or the host has no room. */
export type Turn = "done" | "more" | "refused";
type Step = "sent" | "nothing" | "refused";

/** Sends what is due and the windows allow. */
export function output(c: Connection): Turn {
  c.blocked = false;
  const turn = takeTurn(c);
  c.blocked = turn === "refused";
  return turn;
}

function takeTurn(c: Connection): Turn {
  if (c.resetDue) {
    if (!sendControl(c, RST | ACK, c.nxt)) return "refused";
    c.resetDue = false;
    c.core.counters.resetsOut++;
  }
  if (c.state === "CLOSED" || c.held) return "done";
  if (c.finWaitDue) {
    c.finWaitDue = false;
    c.idleAt = c.core.now + c.core.options.finWait;
    pushTimer(c, c.idleAt);
  }
  if (c.synDue) {
    if (!sendSyn(c)) return "refused";
    c.synDue = false;
    c.ackDue = false;
  }
  if (c.state !== "SYN-SENT" && c.state !== "SYN-RECEIVED") {
    for (let i = 0; i < TURN; i++) {
      const step = sendNext(c);
      if (step === "refused") return step;
      if (step === "sent") continue;
      if (c.segments.count === 0) armPersist(c);
      return sendRest(c);
    }
    return "more";
  }
  return sendRest(c);
}

/** An acknowledgment or a keep-alive, if no data carried it. */
function sendRest(c: Connection): Turn {
  if (c.keepAliveDue) {
    // A number that the peer has acknowledged: it can only answer with what it waits for (RFC 9293, 3.8.4).
    if (!sendControl(c, ACK, (c.una - 1) | 0)) return "refused";
    c.keepAliveDue = false;
    c.core.counters.keepAliveProbes++;
  } else if (c.ackDue && !sendAck(c)) return "refused";
  return "done";
}

/** An acknowledgment. False if the host has no room; then it is due still. */
export function sendAck(c: Connection): boolean {
  c.ackDue = true;
  return sendControl(c, ACK, c.nxt);
}

/** The next segment with data or FIN: what was lost comes first. */
function sendNext(c: Connection): Step {
  const { segments } = c;
  if (c.repeatFirst && segments.first !== undefined) return repeat(c, segments.first);
  const lost = segments.firstLost();
  if (lost !== undefined) {
    const within = !after(lost.end, (c.una + c.window) | 0);
    return within && c.pipe < c.congestion.window ? repeat(c, lost) : "nothing";
  }
  if (c.tailDue) return tailProbe(c);
  return sendNew(c, c.probeDue, 0);
}

/**
 * Data that was not sent before, if it makes a segment worth sending.
 *
 * @param probe whatever the peer's window says.
 * @param extra bytes beyond the congestion window.
 */
function sendNew(c: Connection, probe: boolean, extra: number): Step {
  if (c.finSent) return "nothing";
  const available = distance(c.dataEnd, c.nxt);
  if (available <= 0 && !c.finQueued) return "nothing";
  const mss = c.mss - sackLength(c);
  const usable = distance((c.una + c.window) | 0, c.nxt);
  let length = Math.max(0, Math.min(available, mss, usable));
  if (probe && length === 0 && available > 0) length = 1;
  const all = length === available, fin = c.finQueued && all;
  if (length === 0 && !fin) return "nothing";
  if (length < mss && !probe) {
    // No silly window (RFC 9293, 3.8.6.2.1), and one small segment at a time.
    const alone = c.noDelay || !after(c.smallEnd, c.una);
    if (!(all && (fin || alone)) && 2 * length < c.windowMax) return "nothing";
  }
  const { congestion, core, segments } = c;
  if (segments.count === 0) {
    if (core.now - c.sentAt > c.rtt.timeout) congestion.restart();
  } else if (c.pipe + length > congestion.window + extra || segments.count >= MAX_IN_FLIGHT) return "nothing";
  if (!sendData(c, c.nxt, length, fin)) return "refused";
  if (probe) core.counters.windowProbes++;
  c.probeDue = false;
  if (segments.count === 0) c.progressAt = core.now;
  const start = c.nxt;
  c.nxt = (start + length + (fin ? 1 : 0)) | 0;
  if (fin) c.finSent = true;
  if (length < mss && !probe) c.smallEnd = c.nxt;
  segments.push(start, c.nxt, core.now);
  if (c.recovery === "fast") congestion.out(length);
  armAfterSending(c);
  return "sent";
}

/** Sends a segment again. */
function repeat(c: Connection, segment: Segment): Step {
  const { segments, core } = c;
  const data = distance(earlier(segment.end, c.dataEnd), segment.start);
  const length = Math.min(data, c.mss - sackLength(c));
  if (length < data) segments.split(segment, (segment.start + length) | 0);
  const fin = c.finSent && after(segment.end, c.dataEnd);
  if (!sendData(c, segment.start, length, fin)) return "refused";
  c.repeatFirst = false;
  core.counters.retransmitted++;
  segments.repeat(segment, core.now);
  if (c.recovery === "fast") c.congestion.out(length);
  armAfterSending(c);
  return "sent";
}

/** One segment more, so that a loss at the end of a flight shows (RFC 8985, 7.3): new data, or the last again. */
function tailProbe(c: Connection): Step {
  const last = c.segments.newest;
  if (last === undefined) {
    c.tailDue = false;
    return "nothing";
  }
  let step = sendNew(c, false, c.mss);
  c.tailRepeats = step === "nothing";
  if (c.tailRepeats) step = repeat(c, last);
  if (step !== "sent") return step;
  c.tailDue = false;
  c.tailOut = true;
  c.tailEnd = c.nxt;
  c.probeAt = Infinity;
  c.core.counters.tailProbes++;
  return "sent";
}

function sendData(c: Connection, sequence: number, length: number, fin: boolean): boolean {
  const { core } = c;
  const last = (sequence + length) | 0;
  const header = prepare(
    c,
    ACK | (fin ? FIN : 0) | (length > 0 && !before(last, c.dataEnd) ? PSH : 0),
    sequence,
  );
  const offset = distance(sequence, c.dataStart);
  if (!core.transmit(c.local.address, c.remote.address, c.sendRing, offset, length)) return false;
  acknowledged(c, header);
  c.sentAt = core.now;
  return true;
}

function sendControl(c: Connection, flags: number, sequence: number): boolean {
  const header = prepare(c, flags, sequence);
  if (!c.core.transmit(c.local.address, c.remote.address, undefined, 0, 0)) return false;
  acknowledged(c, header);
  return true;
}

/** A SYN, or SYN and ACK where the peer's has come (RFC 9293, 3.5). */
function sendSyn(c: Connection): boolean {
  const { core } = c;
  const answer = c.state === "SYN-RECEIVED";
  const header = core.out;
  address(c, header);
  header.flags = answer ? SYN | ACK : SYN;
  header.sequence = c.iss;
  header.acknowledgment = answer ? c.queue.next : 0;
  header.window = Math.min(65535, Math.max(0, c.receiveLimit - c.queue.length));
  header.mss = c.ownMss;
  header.windowScale = (answer ? c.scaled : core.options.windowScale) ? c.receiveScale : -1;
  header.sackPermitted = answer ? c.sackAllowed : core.options.sack;
  header.sackBlocks = 0;
  if (!core.transmit(c.local.address, c.remote.address, undefined, 0, 0)) return false;
  if (answer) c.offered = (c.queue.next + header.window) | 0;
  if (c.rtoAt === Infinity) c.openedAt = core.now;
  c.sentAt = core.now;
  armAfterSending(c);
  return true;
}

/** Fills in the core's header. */
function prepare(c: Connection, flags: number, sequence: number): TcpHeader {
  const header = c.core.out;
  address(c, header);
  header.flags = flags;
  header.sequence = sequence;
  header.acknowledgment = c.queue.next;
  header.window = offerWindow(c);
  header.mss = 0;
  header.windowScale = -1;
  header.sackPermitted = false;
  header.sackBlocks = 0;
  const room = sackBlocks(c);
  if (room > 0) {
    if (c.twiceStart !== c.twiceEnd) {
      header.sack[0] = c.twiceStart;
      header.sack[1] = c.twiceEnd;
      header.sackBlocks = 1;
    }
    header.sackBlocks += c.queue.blocks(
      header.sack,
      2 * header.sackBlocks,
      room - header.sackBlocks,
      c.finAt,
    );
  }
  return header;
}

function address(c: Connection, header: TcpHeader): void {
  header.sourcePort = c.local.port;
  header.destinationPort = c.remote.port;
  header.urgent = 0;
}

/** Blocks of the SACK option in the next segment: they take no more than half of it where segments are tiny. */
function sackBlocks(c: Connection): number {
  if (!c.sackAllowed) return 0;
  const blocks = c.queue.gaps + (c.twiceStart !== c.twiceEnd ? 1 : 0);
  return blocks === 0 ? 0 : Math.min(blocks, MAX_SACK_BLOCKS, Math.max(0, (c.mss >> 1) - 4 >> 3));
}

/** Bytes of the SACK option in the next segment. */
function sackLength(c: Connection): number {
  const blocks = sackBlocks(c);
  return blocks === 0 ? 0 : 4 + 8 * blocks;
}

/** A segment has left that acknowledges all that there is. */
function acknowledged(c: Connection, header: TcpHeader): void {
  c.lastAck = header.acknowledgment;
  c.ackDue = false;
  c.ackAt = Infinity;
  c.twiceStart = c.twiceEnd;
}
