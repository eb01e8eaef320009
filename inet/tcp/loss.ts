import type { Connection } from "./connection.ts";
import { armReorder } from "./deadlines.ts";
import { LOST, REPEATED, SACKED, type Segment } from "./segments.ts";
import { after, before, distance } from "./seq.ts";

/** Duplicate acknowledgments, or segments that arrived behind one, that mean it is lost (RFC 5681, 3.2). */
const THRESHOLD = 3;
/** Steps that the reordering window may grow by, each a quarter of the least round trip. */
const MAX_STEPS = 16;

/** A segment has arrived: it may be the one of those that was sent last (RFC 8985, 6.2, steps 2 and 3). */
export function delivered(c: Connection, segment: Segment): void {
  const { core } = c;
  const time = core.now - segment.sentAt;
  if ((segment.flags & REPEATED) !== 0) {
    // Too soon for the repetition: it was the original after all.
    if (time < c.rtt.least) return;
  } else if (before(segment.end, c.highest)) c.reordering = true;
  if (after(segment.end, c.highest)) c.highest = segment.end;
  if (segment.sentAt > c.rackSentAt || segment.sentAt === c.rackSentAt && after(segment.end, c.rackEnd)) {
    c.rackSentAt = segment.sentAt;
    c.rackEnd = segment.end;
    c.rackTime = time;
  }
}

/** The peer has got something twice (RFC 2883): what was thought lost was only late. */
export function deliveredTwice(c: Connection): void {
  if (c.reorderSteps < MAX_STEPS) c.reorderSteps++;
  // The tail probe was not needed.
  if (c.tailOut && c.tailRepeats) c.tailOut = false;
}

/** Finds what is lost by what arrived later (RFC 8985, 6.2, step 5). */
export function detectLoss(c: Connection): void {
  if (c.sackAllowed) byTime(c);
  else byCount(c);
}

function byTime(c: Connection): void {
  const { segments, core } = c;
  // Without anything out of order, and without repetitions that may be lost again, there is nothing to find.
  if (segments.first === undefined || segments.sackedCount === 0 && c.recovery === "none") return;
  let window = 0;
  if (c.reordering || c.recovery === "none" && segments.sackedCount < THRESHOLD) {
    const least = c.rtt.least === Infinity ? c.rackTime : c.rtt.least;
    window = Math.min(c.reorderSteps * least / 4, c.rtt.smoothed);
  }
  let wait = 0;
  for (let s: Segment | undefined = segments.first; s !== undefined; s = s.next) {
    if ((s.flags & (SACKED | LOST)) !== 0) continue;
    if (s.sentAt > c.rackSentAt || s.sentAt === c.rackSentAt && !before(s.end, c.rackEnd)) continue;
    const left = s.sentAt + c.rackTime + window - core.now;
    if (left <= 0) segments.lose(s);
    else if (left > wait) wait = left;
  }
  if (wait > 0) armReorder(c, core.now + wait);
  else if (!c.probeIsTail) c.probeAt = Infinity;
}

/** For peers without SACK: NewReno (RFC 6582). */
function byCount(c: Connection): void {
  const { segments } = c;
  const first = segments.first;
  if (first === undefined || (first.flags & (LOST | REPEATED)) !== 0) return;
  // An acknowledgment of a part during recovery says that what comes next is missing, too.
  if (c.recovery === "fast" || c.recovery === "none" && c.duplicateAcks >= THRESHOLD) segments.lose(first);
}

/**
 * Draws the consequences for the congestion window.
 *
 * @param acked bytes that were acknowledged; `arrived` those and the ones that SACK told of.
 * @param flight bytes that were outstanding before.
 */
export function control(c: Connection, acked: number, arrived: number, flight: number): void {
  const { segments, congestion, core } = c;
  let left = false;
  if (c.recovery !== "none" && !before(c.una, c.recoverAt)) {
    left = c.recovery === "fast";
    if (left) congestion.leave();
    c.recovery = "none";
    c.duplicateAcks = 0;
  }
  if (c.recovery === "none" && segments.lost > 0) {
    congestion.enter(flight);
    c.recovery = "fast";
    c.recoverAt = c.nxt;
    if (c.probeIsTail) c.probeAt = Infinity;
    core.counters.recoveries++;
  }
  if (c.recovery === "fast") congestion.reduce(arrived, c.pipe);
  else if (acked > 0 && !left) {
    const slow = congestion.window < congestion.threshold;
    // A window that was not used says nothing about the path.
    if (slow ? 2 * flight > congestion.window : flight + c.mss > congestion.window) congestion.grow(acked);
  }
}

/** Has the tail probe, if it repeated something, made good a loss (RFC 8985, 7.4)? `duplicate`: nothing new came with it. */
export function tailAnswered(c: Connection, duplicate: boolean): void {
  if (!c.tailOut || before(c.una, c.tailEnd)) return;
  // If both the original and the probe have arrived, the peer says the same thing twice.
  if (c.tailRepeats && c.una === c.tailEnd && !duplicate) return;
  c.tailOut = false;
  if (!c.tailRepeats || duplicate || c.recovery !== "none") return;
  c.congestion.enter(distance(c.nxt, c.una) + c.mss);
  c.congestion.leave();
}
