import type { Connection } from "./connection.ts";
import { distance } from "./seq.ts";

/** Bytes that the right edge of the window could move beyond what was offered. */
function growth(c: Connection): number {
  const edge = (c.queue.next + Math.max(0, c.receiveLimit - c.queue.length)) | 0;
  return distance(edge, c.offered);
}

/** The window for the next segment, unscaled; what is offered is noted. Its right edge never moves back. */
export function offerWindow(c: Connection): number {
  const { queue } = c;
  let edge = c.offered;
  const more = growth(c);
  // No small steps (RFC 9293, 3.8.6.2.2).
  if (more > 0 && more >= Math.min(c.receiveLimit >> 1, c.peerMss)) edge = (edge + more) | 0;
  const window = Math.max(0, distance(edge, queue.next));
  const field = Math.min(65535, window >>> c.receiveScale);
  const offered = (queue.next + (field << c.receiveScale)) | 0;
  if (distance(offered, c.offered) > 0) c.offered = offered;
  return field;
}

/**
 * Whether the user has read so much that the peer should hear of it. As long as there is window left, the peer's next
 * segments will tell it anyhow.
 */
export function windowUpdateDue(c: Connection): boolean {
  const left = distance(c.offered, c.queue.next), more = growth(c);
  const step = left < 2 * c.peerMss
    ? Math.min(c.receiveLimit >> 1, c.peerMss)
    : Math.max(2 * c.peerMss, c.receiveLimit >> 2);
  return more > 0 && more >= step;
}
