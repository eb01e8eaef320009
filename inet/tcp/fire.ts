import type { Connection } from "./connection.ts";
import { restart } from "./deadlines.ts";
import { fail, pushTimer } from "./lifecycle.ts";
import { control, detectLoss } from "./loss.ts";
import { REPEATED } from "./segments.ts";
import { distance } from "./seq.ts";

/** At least one of the connection's timers has come. */
export function fire(c: Connection): void {
  const { core } = c;
  const { now } = core;
  if (c.idleAt <= now) {
    c.idleAt = Infinity;
    idle(c);
  }
  if (c.ackAt <= now) {
    c.ackAt = Infinity;
    c.ackDue = true;
    core.wake(c);
  }
  if (c.probeAt <= now) {
    c.probeAt = Infinity;
    probe(c);
  }
  if (c.rtoAt <= now) {
    c.rtoAt = Infinity;
    expire(c);
  }
  pushTimer(c, c.deadline());
}

/** The tail probe is due, or overtaken segments have had their time (RFC 8985, 7.3 and 6.3). */
function probe(c: Connection): void {
  const { segments, core } = c;
  if (segments.count === 0) return;
  if (c.probeIsTail) {
    if (c.recovery !== "none" || segments.sackedCount > 0) return;
    c.tailDue = true;
    // From now on the timer counts (RFC 8985, 7.3).
    if (!c.blocked) restart(c);
  } else {
    detectLoss(c);
    control(c, 0, 0, distance(c.nxt, c.una));
  }
  core.wake(c);
}

/** Nothing was acknowledged for a retransmission timeout, or a shut window is to be probed. */
function expire(c: Connection): void {
  const { core, segments, rtt, congestion } = c;
  const opening = c.state === "SYN-SENT" || c.state === "SYN-RECEIVED";
  if (opening) {
    if (core.now - c.openedAt >= core.options.connectTimeout) return fail(c, "timedOut");
    if (!c.blocked) {
      rtt.double();
      c.synLost = true;
      c.synDue = true;
      core.counters.timeouts++;
      core.wake(c);
    }
    return restart(c);
  }
  const shut = c.persisting || c.window === 0;
  // As long as the peer answers, it may keep its window shut (RFC 9293, 3.8.6.1); but not for a user who has left.
  const since = shut && !c.closed ? Math.max(c.heardAt, c.progressAt) : c.progressAt;
  if (core.now - since >= c.userTimeout) {
    c.resetDue = true;
    core.wake(c);
    return fail(c, "timedOut");
  }
  // What has not even left cannot be late.
  if (c.blocked) return rearm(c);
  rtt.double();
  if (c.persisting) c.probeDue = true;
  else if (shut) c.repeatFirst = true;
  else {
    const again = c.recovery === "timeout" && segments.first !== undefined &&
      (segments.first.flags & REPEATED) !== 0;
    congestion.collapse(distance(c.nxt, c.una), again);
    segments.loseAll();
    c.recovery = "timeout";
    c.recoverAt = c.nxt;
    c.duplicateAcks = 0;
    c.tailOut = c.tailDue = false;
    c.probeAt = Infinity;
    c.repeatFirst = true;
    core.counters.timeouts++;
  }
  rearm(c);
  core.wake(c);
}

/** The timer runs again, for what it ran for before. */
function rearm(c: Connection): void {
  const { persisting } = c;
  restart(c);
  c.persisting = persisting;
}

/** TIME-WAIT is over, a FIN did not come, or it has been silent for so long that somebody should ask. */
function idle(c: Connection): void {
  const { core, keepAlive } = c;
  if (c.state === "TIME-WAIT" || c.state === "FIN-WAIT-2" && c.closed) return fail(c, undefined);
  if (keepAlive === undefined) return;
  const silent = core.now - c.heardAt;
  let wait = keepAlive.idle - silent;
  if (wait <= 0) {
    if (c.keepAliveCount >= keepAlive.count) {
      c.resetDue = true;
      core.wake(c);
      return fail(c, "timedOut");
    }
    c.keepAliveCount++;
    c.keepAliveDue = true;
    core.wake(c);
    wait = keepAlive.interval;
  }
  c.idleAt = core.now + wait;
}
