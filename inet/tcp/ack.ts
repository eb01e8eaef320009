import type { TcpHeader } from "../tcp_header.ts";
import type { Connection } from "./connection.ts";
import { armAfterProgress } from "./deadlines.ts";
import { control, delivered, deliveredTwice, detectLoss, tailAnswered } from "./loss.ts";
import { LOST, REPEATED, SACKED } from "./segments.ts";
import { after, before, distance } from "./seq.ts";

/**
 * What a segment says of ours: acknowledgment, SACK and window (RFC 9293, 3.10.7.4, fifth). The caller has seen that the
 * acknowledgment is one of something that was sent.
 *
 * @param length what the segment takes of the peer's sequence.
 */
export function acknowledge(c: Connection, header: TcpHeader, length: number): void {
  const { core, segments } = c;
  const ack = header.acknowledgment | 0;
  const flight = distance(c.nxt, c.una), sackedBefore = segments.sacked;
  const acked = Math.max(0, distance(ack, c.una));
  const windowBefore = c.window, edge = (c.una + windowBefore) | 0;
  if (!before(ack, c.una)) updateWindow(c, header, ack);
  const duplicate = acked === 0 && length === 0 && ack === c.una && c.window === windowBefore;
  if (flight === 0) {
    // Nothing is on its way, but what was repeated may have arrived twice.
    if (c.sackAllowed) {
      if (header.sackBlocks > 0) takeBlocks(c, header, ack);
      tailAnswered(c, duplicate && header.sackBlocks === 0);
    }
    if (c.window !== windowBefore) core.wake(c);
    return;
  }
  let arrived = acked;
  if (acked > 0) advance(c, ack, acked);
  if (c.sackAllowed) {
    if (header.sackBlocks > 0) takeBlocks(c, header, ack);
    arrived += segments.sacked - sackedBefore;
    tailAnswered(c, duplicate && header.sackBlocks === 0);
  } else arrived += countDuplicates(c, acked, duplicate);
  if (acked > 0) armAfterProgress(c);
  if (before(edge, c.nxt)) reopened(c, edge);
  detectLoss(c);
  control(c, acked, arrived, flight);
  core.wake(c);
}

/** Everything before `ack` has arrived. */
function advance(c: Connection, ack: number, acked: number): void {
  const { core, segments, sendRing, rtt } = c;
  c.una = ack;
  c.progressAt = core.now;
  let sample = -1, repeated = false;
  for (let s = segments.shift(ack); s !== undefined; s = segments.shift(ack)) {
    if ((s.flags & REPEATED) !== 0) repeated = true;
    if ((s.flags & SACKED) === 0) {
      delivered(c, s);
      sample = core.now - s.sentAt;
    }
    segments.free(s);
  }
  // Of a segment that was sent twice nobody knows which one this is about (RFC 6298, 3: Karn), and those behind it may have
  // waited for it.
  if (sample >= 0 && !repeated) rtt.sample(sample);
  rtt.relax();
  const bytes = Math.min(acked, distance(ack, c.dataStart), sendRing.length);
  if (bytes > 0) {
    sendRing.drop(bytes);
    c.dataStart = (c.dataStart + bytes) | 0;
    if (sendRing.length === 0) sendRing.release();
    core.notify(c);
  }
}

/** Notes what the peer has out of order (RFC 2018), and what it got twice (RFC 2883). */
function takeBlocks(c: Connection, header: TcpHeader, ack: number): void {
  const { segments, core } = c;
  const { sack } = header;
  let sample = -1;
  for (let i = 0; i < header.sackBlocks; i++) {
    const start = sack[2 * i] | 0, end = sack[2 * i + 1] | 0;
    if (i === 0) {
      const within = header.sackBlocks > 1 && !before(start, sack[2] | 0) && !after(end, sack[3] | 0);
      if (!after(end, ack) || within) {
        deliveredTwice(c);
        continue;
      }
    }
    if (!before(start, end) || before(start, c.una) || after(end, c.nxt)) continue;
    for (let s = segments.first; s !== undefined && before(s.start, end); s = s.next) {
      if ((s.flags & SACKED) !== 0 || before(s.start, start) || after(s.end, end)) continue;
      delivered(c, s);
      if ((s.flags & REPEATED) === 0) sample = core.now - s.sentAt;
      segments.sack(s);
    }
  }
  if (sample >= 0) c.rtt.sample(sample);
}

/** For a peer without SACK: how many bytes a duplicate acknowledgment stands for. */
function countDuplicates(c: Connection, acked: number, duplicate: boolean): number {
  if (duplicate) {
    c.duplicateAcks++;
    return c.mss;
  }
  if (acked === 0) return 0;
  if (c.recovery === "none") {
    c.duplicateAcks = 0;
    return 0;
  }
  // Those segments were counted when their duplicates came.
  const counted = Math.min(c.duplicateAcks, Math.floor((acked - 1) / c.mss));
  c.duplicateAcks -= counted;
  return -counted * c.mss;
}

/** A newer segment tells a newer window (RFC 9293, 3.10.7.4: SND.WL1 and SND.WL2). */
function updateWindow(c: Connection, header: TcpHeader, ack: number): void {
  const sequence = header.sequence | 0;
  if (after(c.wl1, sequence) || c.wl1 === sequence && after(c.wl2, ack)) return;
  c.wl1 = sequence;
  c.wl2 = ack;
  c.window = header.window << c.sendScale;
  if (c.window > c.windowMax) c.windowMax = c.window;
}

/** What was sent beyond the window, to probe it, was not taken; now that there is room, it need not wait for the timer. */
function reopened(c: Connection, edge: number): void {
  const { first } = c.segments;
  if (first === undefined || (first.flags & (SACKED | LOST)) !== 0) return;
  if (after(first.end, edge) && !after(first.end, (c.una + c.window) | 0)) c.repeatFirst = true;
}
