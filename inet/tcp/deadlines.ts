import type { Connection } from "./connection.ts";
import { pushTimer } from "./lifecycle.ts";
import { after } from "./seq.ts";

/** The least wait for a tail probe, in nanoseconds: less than a busy peer takes to answer is a probe too many. */
const LEAST_PROBE = 2e6;
/** Before there is a measurement. */
const FIRST_PROBE = 1e9;

/** Something that must be acknowledged has left: a timer runs (RFC 6298, 5.1). */
export function armAfterSending(c: Connection): void {
  if (c.rtoAt === Infinity || c.persisting) restart(c);
  if (c.segments.count > 0) armTail(c);
}

/** The peer has acknowledged something new: the timer starts again, or stops (RFC 6298, 5.2 and 5.3). */
export function armAfterProgress(c: Connection): void {
  if (c.segments.count === 0) {
    c.rtoAt = Infinity;
    c.probeAt = Infinity;
  } else {
    restart(c);
    armTail(c);
  }
}

/** The retransmission timer begins anew. */
export function restart(c: Connection): void {
  c.persisting = false;
  c.rtoAt = c.core.now + c.rtt.timeout;
  pushTimer(c, c.rtoAt);
}

/** A window that is too small holds everything back: it will be probed (RFC 9293, 3.8.6.1). */
export function armPersist(c: Connection): void {
  if (c.rtoAt !== Infinity || c.finSent || c.dataEnd === c.nxt) return;
  c.persisting = true;
  c.progressAt = c.core.now;
  c.rtoAt = c.core.now + c.rtt.timeout;
  pushTimer(c, c.rtoAt);
}

/** RFC 8985, 7.2: if nothing is heard for two round trips, the end of the flight may be lost. */
function armTail(c: Connection): void {
  const { segments, core, rtt } = c;
  // Beyond the window nothing can be expected to arrive.
  const useless = !c.sackAllowed || c.tailOut || c.recovery !== "none" || segments.lost > 0 ||
    segments.sackedCount > 0 ||
    after(c.nxt, (c.una + c.window) | 0);
  if (useless) {
    if (c.probeIsTail) c.probeAt = Infinity;
    return;
  }
  let wait = FIRST_PROBE;
  if (rtt.smoothed > 0) {
    wait = Math.max(LEAST_PROBE, 2 * rtt.smoothed, rtt.smoothed + 4 * rtt.variation);
    // The peer may wait for a second segment before it acknowledges the first.
    if (segments.count === 1) wait += core.options.delayedAck;
  }
  const at = core.now + wait;
  c.probeIsTail = true;
  c.probeAt = at < c.rtoAt ? at : Infinity;
  pushTimer(c, c.probeAt);
}

/** Segments that were overtaken are given until `at` to arrive (RFC 8985, 6.2). */
export function armReorder(c: Connection, at: number): void {
  c.probeIsTail = false;
  c.probeAt = at;
  pushTimer(c, at);
}
