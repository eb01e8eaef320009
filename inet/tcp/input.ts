import { ACK, FIN, RST, SYN, type TcpHeader } from "../tcp_header.ts";
import { acknowledge } from "./ack.ts";
import type { Connection } from "./connection.ts";
import { arriveInSynSent } from "./handshake.ts";
import { enterTimeWait, establish, fail, pushTimer } from "./lifecycle.ts";
import { sendAck } from "./output.ts";
import { receive } from "./receive.ts";
import { after, before, distance } from "./seq.ts";

/** Challenge acknowledgments, and answers to empty segments out of the window, that a connection sends in a second. */
const CHALLENGES = 10;
const SECOND = 1e9;

/** What became of a segment: it was taken, or dropped, or is to be answered by a reset that quotes it. */
export type Verdict = "done" | "dropped" | "reset";

/**
 * A segment arrives for a connection (RFC 9293, 3.10.7.3 and 3.10.7.4); its payload is [header.payload, end) of `bytes`.
 */
export function arrive(c: Connection, header: TcpHeader, bytes: Uint8Array, end: number): Verdict {
  if (c.state === "SYN-SENT") return arriveInSynSent(c, header, bytes, end);
  if (c.held) return arriveHeld(c, header);
  const { flags } = header;
  const sequence = header.sequence | 0;
  const length = end - header.payload + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);

  // First: is it about what is expected now?
  if (!acceptable(c, sequence, length, flags)) {
    if ((flags & RST) !== 0) return "done";
    if ((flags & SYN) !== 0 && sequence === c.irs && c.state === "SYN-RECEIVED" && (flags & ACK) === 0) {
      // The peer has not seen our answer.
      c.synDue = true;
      c.core.wake(c);
      return "done";
    }
    if ((flags & FIN) !== 0 && c.state === "TIME-WAIT") {
      // It did not hear our last acknowledgment (RFC 9293, 3.10.7.4: restart the 2 MSL time-out).
      c.idleAt = c.core.now + c.core.options.timeWait;
      pushTimer(c, c.idleAt);
    }
    if (length > 0) {
      c.core.counters.duplicates++;
      noteTwice(c, sequence, length);
      sendOrDefer(c);
    } else challenge(c);
    // Nothing of it is new but perhaps what it says of ours: the window, when both sides' windows are shut.
    if (!after((sequence + length) | 0, (c.queue.next + 1) | 0) && (flags & (ACK | SYN)) !== 0) {
      return takeAck(c, header, length);
    }
    return "done";
  }
  c.heardAt = c.core.now;
  c.keepAliveCount = 0;

  // Second: reset. Only the exact number is believed (RFC 5961, 3); none in TIME-WAIT (RFC 1337).
  if ((flags & RST) !== 0) {
    if (c.state === "TIME-WAIT") return "done";
    if (sequence !== c.queue.next) challenge(c);
    else {
      c.core.counters.resetsIn++;
      fail(c, c.state === "SYN-RECEIVED" && !c.passive ? "refused" : "reset");
    }
    return "done";
  }
  // Fourth: a SYN here is old, forged, or from a peer that has lost its memory: who answers to this is asked (RFC 5961, 4).
  if ((flags & SYN) !== 0) {
    challenge(c);
    return "done";
  }
  const verdict = takeAck(c, header, length);
  if (verdict !== "done" || c.state === "CLOSED" || (flags & ACK) === 0) return verdict;
  // Seventh and eighth: data and FIN.
  if (length > 0) receive(c, header, bytes, end);
  return "done";
}

/**
 * Whether a segment's numbers lie in the window (RFC 9293, 3.4). An empty one may also stand at its right edge, where a
 * peer's acknowledgments come from that has filled it; and a FIN where the window is shut.
 */
function acceptable(c: Connection, sequence: number, length: number, flags: number): boolean {
  const { queue } = c;
  const ahead = distance(sequence, queue.next), window = distance(c.offered, queue.next);
  if (length === 0) return ahead >= 0 && ahead <= window;
  if (window === 0) return ahead === 0 && length === 1 && (flags & FIN) !== 0;
  return ahead < window && ahead + length > 0;
}

/** Fifth: the acknowledgment. Returns what the segment as a whole comes to, if it goes wrong. */
function takeAck(c: Connection, header: TcpHeader, length: number): Verdict {
  if ((header.flags & ACK) === 0) return "done";
  const ack = header.acknowledgment | 0;
  if (c.state === "SYN-RECEIVED") {
    if (!after(ack, c.una) || after(ack, c.nxt)) return "reset";
    opened(c, header, ack);
    return "done";
  }
  // Of what was never sent, or long ago: RFC 5961, 5.
  if (after(ack, c.nxt) || before(ack, (c.una - c.windowMax) | 0)) {
    challenge(c);
    return "dropped";
  }
  acknowledge(c, header, length);
  if (c.finSent && c.una === c.nxt) ownFinAcknowledged(c);
  return "done";
}

/** The peer has our SYN. */
function opened(c: Connection, header: TcpHeader, ack: number): void {
  if (!c.synLost) c.rtt.sample(c.core.now - c.sentAt);
  c.una = ack;
  c.window = c.windowMax = header.window << c.sendScale;
  c.wl1 = header.sequence | 0;
  c.wl2 = ack;
  establish(c);
}

function ownFinAcknowledged(c: Connection): void {
  const { core } = c;
  if (c.state === "FIN-WAIT-1") {
    c.state = "FIN-WAIT-2";
    core.notify(c);
    if (!c.closed) return;
    c.idleAt = core.now + core.options.finWait;
    pushTimer(c, c.idleAt);
  } else if (c.state === "CLOSING") enterTimeWait(c);
  else if (c.state === "LAST-ACK") fail(c, undefined);
}

/** The SYN is not to be answered yet: only a reset is heard. */
function arriveHeld(c: Connection, header: TcpHeader): Verdict {
  if ((header.flags & RST) !== 0 && (header.sequence | 0) === c.queue.next) {
    c.core.counters.resetsIn++;
    fail(c, "reset");
  }
  return "done";
}

/** An acknowledgment that asks whoever sent this to say what he knows; not too many (RFC 5961, 7). */
export function challenge(c: Connection): void {
  const { core } = c;
  if (core.now - c.challengeAt >= SECOND) {
    c.challengeAt = core.now;
    c.challenges = 0;
  }
  if (c.challenges++ >= CHALLENGES) return;
  core.counters.challengeAcks++;
  sendOrDefer(c);
}

/** Sends an acknowledgment now, or with the next poll. */
export function sendOrDefer(c: Connection): void {
  if (!sendAck(c)) c.core.wake(c);
}

/** What came twice is reported with the next acknowledgment. */
function noteTwice(c: Connection, sequence: number, length: number): void {
  const { next } = c.queue;
  const last = (sequence + length) | 0;
  if (after(last, next) || c.state === "SYN-RECEIVED") return;
  c.twiceStart = sequence;
  c.twiceEnd = last;
}
