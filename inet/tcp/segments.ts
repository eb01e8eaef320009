import { after, before, distance } from "./seq.ts";

/** The peer has it, out of order (SACK). */
export const SACKED = 1;
/** Thought lost and not yet sent again. */
export const LOST = 2;
/** Was sent more than once: what comes back for it may be for either (Karn). */
export const REPEATED = 4;

/** A segment on its way. */
export interface Segment {
  /** First sequence number and the one behind the last; FIN counts as one. */
  start: number;
  end: number;
  /** When it was last sent, in nanoseconds. */
  sentAt: number;
  flags: number;
  next: Segment | undefined;
}

/** Keeps segments for the next sender. */
export class SegmentPool {
  private first: Segment | undefined = undefined;
  private count = 0;

  take(start: number, end: number, sentAt: number): Segment {
    const segment = this.first;
    if (segment === undefined) return { start, end, sentAt, flags: 0, next: undefined };
    this.first = segment.next;
    this.count--;
    segment.start = start;
    segment.end = end;
    segment.sentAt = sentAt;
    segment.flags = 0;
    segment.next = undefined;
    return segment;
  }
  give(segment: Segment): void {
    if (this.count >= KEPT) return;
    this.count++;
    segment.next = this.first;
    this.first = segment;
  }
}
const KEPT = 4096;

/** What a connection has sent and the peer has not acknowledged, in the order of the sequence, and what is known of it. */
export class SentSegments {
  first: Segment | undefined = undefined;
  private last: Segment | undefined = undefined;
  count = 0;
  /** Bytes (FIN counts as one) that the peer has out of order, and those that are thought lost. */
  sacked = 0;
  lost = 0;
  /** Segments that the peer has out of order. */
  sackedCount = 0;

  constructor(private readonly pool: SegmentPool) {}

  /** The segment that was sent last for the first time. */
  get newest(): Segment | undefined {
    return this.last;
  }

  push(start: number, end: number, sentAt: number): void {
    const segment = this.pool.take(start, end, sentAt);
    if (this.last === undefined) this.first = segment;
    else this.last.next = segment;
    this.last = segment;
    this.count++;
  }

  /** Takes the first one out if it ends at or before `acknowledged`; what is acknowledged of it only in part is cut off. */
  shift(acknowledged: number): Segment | undefined {
    const segment = this.first;
    if (segment === undefined || !after(acknowledged, segment.start)) return undefined;
    if (before(acknowledged, segment.end)) {
      this.account(segment, -1);
      segment.start = acknowledged;
      this.account(segment, 1);
      return undefined;
    }
    this.account(segment, -1);
    if ((segment.flags & SACKED) !== 0) this.sackedCount--;
    this.first = segment.next;
    if (this.first === undefined) this.last = undefined;
    this.count--;
    return segment;
  }

  /** A segment that {@link SentSegments.shift} gave is not needed any more. */
  free(segment: Segment): void {
    this.pool.give(segment);
  }

  /** The peer has it. */
  sack(segment: Segment): void {
    this.account(segment, -1);
    segment.flags = segment.flags & ~LOST | SACKED;
    this.account(segment, 1);
    this.sackedCount++;
  }
  /** It is thought lost. */
  lose(segment: Segment): void {
    this.account(segment, -1);
    segment.flags |= LOST;
    this.account(segment, 1);
  }
  /** It was sent again. */
  repeat(segment: Segment, now: number): void {
    this.account(segment, -1);
    segment.flags = segment.flags & ~LOST | REPEATED;
    this.account(segment, 1);
    segment.sentAt = now;
  }

  /** The timer has gone off: all that the peer is not known to have is lost (RFC 6298, 5.4; RFC 8985, 6.3). */
  loseAll(): void {
    // A peer that has the first one and does not acknowledge it has thrown away what it had (RFC 6675, 5.1).
    const renege = this.first !== undefined && (this.first.flags & SACKED) !== 0;
    for (let s = this.first; s !== undefined; s = s.next) {
      if (renege && (s.flags & SACKED) !== 0) {
        this.account(s, -1);
        s.flags &= ~SACKED;
        this.sackedCount--;
      }
      if ((s.flags & (SACKED | LOST)) === 0) this.lose(s);
    }
  }

  /** The first that is lost and not sent again. */
  firstLost(): Segment | undefined {
    if (this.lost === 0) return undefined;
    let s = this.first;
    while (s !== undefined && (s.flags & LOST) === 0) s = s.next;
    return s;
  }

  /** Cuts a segment so that it ends at `at`; what is behind becomes one of its own. */
  split(segment: Segment, at: number): void {
    const rest = this.pool.take(at, segment.end, segment.sentAt);
    rest.flags = segment.flags;
    rest.next = segment.next;
    segment.next = rest;
    segment.end = at;
    if (this.last === segment) this.last = rest;
    this.count++;
    if ((rest.flags & SACKED) !== 0) this.sackedCount++;
  }

  clear(): void {
    while (this.first !== undefined) {
      const segment = this.first;
      this.first = segment.next;
      this.pool.give(segment);
    }
    this.last = undefined;
    this.count = 0;
    this.sacked = 0;
    this.lost = 0;
    this.sackedCount = 0;
  }

  private account(segment: Segment, sign: number): void {
    if ((segment.flags & (SACKED | LOST)) === 0) return;
    const bytes = sign * distance(segment.end, segment.start);
    if ((segment.flags & SACKED) !== 0) this.sacked += bytes;
    else this.lost += bytes;
  }
}
