import type { Connection } from "./connection.ts";
import type { TcpErrorKind } from "./types.ts";

/** One of the connection's timers was set to `at`. */
export function pushTimer(c: Connection, at: number): void {
  c.core.timers.file(c, at);
}

/** No timer runs any more. */
function stopTimers(c: Connection): void {
  c.rtoAt =
    c.probeAt =
    c.ackAt =
    c.idleAt =
      Infinity;
  c.core.timers.remove(c);
}

/** Nothing will be sent any more but acknowledgments. */
function dropSent(c: Connection): void {
  c.segments.clear();
  c.sendRing.release();
  c.dataStart = c.nxt;
}

/** The connection is gone. What was received may still be read; its buffer is not the pool's any more. */
export function finish(c: Connection, error: TcpErrorKind | undefined): void {
  const { core } = c;
  if (c.state === "CLOSED") return;
  c.state = "CLOSED";
  c.error = error;
  core.table.delete(c);
  core.timeWaits.delete(c);
  stopTimers(c);
  dropSent(c);
  c.synDue =
    c.ackDue =
    c.repeatFirst =
    c.probeDue =
    c.keepAliveDue =
    c.tailDue =
    c.held =
      false;
  if (c.closed || c.queue.length === 0) c.queue.clear();
  else c.queue.ring.disown();
  c.listener?.lost(c);
  c.listener = undefined;
}

/** The same where the user did not ask for it and must be told. */
export function fail(c: Connection, error: TcpErrorKind | undefined): void {
  finish(c, error);
  c.core.notify(c);
}

/** Both sides have said all they had to say; old segments may still be on their way. */
export function enterTimeWait(c: Connection): void {
  const { core } = c;
  stopTimers(c);
  dropSent(c);
  c.state = "TIME-WAIT";
  core.timeWaits.add(c);
  c.idleAt = core.now + core.options.timeWait;
  pushTimer(c, c.idleAt);
  core.notify(c);
}

/** The peer has acknowledged our SYN: data may flow. */
export function establish(c: Connection): void {
  const { core } = c;
  c.state = c.finQueued ? "FIN-WAIT-1" : "ESTABLISHED";
  c.rtoAt = Infinity;
  c.progressAt = core.now;
  c.rtt.relax();
  if (c.synLost) c.rtt.synWasLost();
  c.congestion.open(c.mss, c.synLost);
  c.startKeepAlive();
  c.listener?.opened(c);
  core.notify(c);
  core.wake(c);
}
