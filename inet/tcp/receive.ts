import { FIN, type TcpHeader } from "../tcp_header.ts";
import type { Connection } from "./connection.ts";
import { sendOrDefer } from "./input.ts";
import { enterTimeWait, finish, pushTimer } from "./lifecycle.ts";
import { after, distance, earlier } from "./seq.ts";

/** Takes data and FIN of an acceptable segment (RFC 9293, 3.10.7.4, seventh and eighth), and acknowledges. */
export function receive(c: Connection, header: TcpHeader, bytes: Uint8Array, end: number): void {
  const { queue, core } = c;
  const { state } = c;
  // After the peer's FIN nothing can come; the window still lets copies of it in.
  if (state !== "ESTABLISHED" && state !== "FIN-WAIT-1" && state !== "FIN-WAIT-2") {
    if (state !== "SYN-RECEIVED") sendOrDefer(c);
    return;
  }
  const first = header.sequence | 0;
  const last = (first + end - header.payload) | 0;
  const fin = (header.flags & FIN) !== 0;
  let limit = c.offered;
  if (fin && c.finAt === undefined && !after(last, limit)) c.finAt = last;
  if (c.finAt !== undefined) limit = earlier(limit, c.finAt);
  const skip = Math.max(0, distance(queue.next, first));
  const start = header.payload + skip;
  const stop = Math.min(end, header.payload + distance(limit, first));
  const before = queue.next, gaps = queue.gaps;
  if (start < stop) {
    if (c.closed) return refuseData(c);
    take(c, (first + skip) | 0, bytes, start, stop);
  }
  const news = distance(queue.next, before);
  if (news > 0) {
    core.counters.bytesIn += news;
    core.notify(c);
  }
  if (c.finAt !== undefined && queue.next === c.finAt) return arrivedFin(c);
  // At once: if something is missing or was, for every second full segment, and to whoever repeats himself (RFC 5681, 4.2).
  if (news === 0 || gaps > 0 || skip > 0 || distance(queue.next, c.lastAck) >= 2 * c.peerMss) sendOrDefer(c);
  else if (c.ackAt === Infinity) {
    c.ackAt = core.now + core.options.delayedAck;
    pushTimer(c, c.ackAt);
  }
}

function take(c: Connection, sequence: number, bytes: Uint8Array, start: number, stop: number): void {
  const { queue, core } = c;
  const length = stop - start;
  if (length > c.peerMss) c.peerMss = Math.min(length, c.ownMss);
  if (sequence !== queue.next) {
    core.counters.outOfOrder++;
    if (queue.has(sequence, (sequence + length) | 0)) {
      core.counters.duplicates++;
      c.twiceStart = sequence;
      c.twiceEnd = (sequence + length) | 0;
      return;
    }
  }
  if (!queue.insert(sequence, bytes, start, stop)) core.counters.noMemory++;
}

/** Nobody will read this: the peer must know that it was lost (RFC 9293, 3.6.1). */
function refuseData(c: Connection): void {
  c.resetDue = true;
  finish(c, "aborted");
  c.core.notify(c);
  c.core.wake(c);
}

/** Everything up to the peer's FIN is here. */
function arrivedFin(c: Connection): void {
  const { queue, core } = c;
  queue.next = (queue.next + 1) | 0;
  if (after(queue.next, c.offered)) c.offered = queue.next;
  c.finReceived = true;
  core.notify(c);
  if (c.state === "ESTABLISHED") c.state = "CLOSE-WAIT";
  else if (c.state === "FIN-WAIT-1") c.state = "CLOSING";
  else enterTimeWait(c);
  sendOrDefer(c);
}
