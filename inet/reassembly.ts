/** Puts fragments of IPv4 datagrams together (RFC 791, 3.2; RFC 815), within bounds. */
import { IPV4_HEADER, IPV4_MAX, type Ipv4Header, writeIpv4 } from "./ipv4.ts";

/** What reassembly may cost. */
export interface ReassemblyLimits {
  /** Datagrams under way. */
  readonly datagrams: number;
  /** Bytes of all of them. */
  readonly bytes: number;
  /** Nanoseconds from a datagram's first fragment to its end (RFC 1122, 3.3.2: 60 to 120 s; Linux: 30 s). */
  readonly timeout: number;
}

const LIMITS: ReassemblyLimits = { datagrams: 16, bytes: 256 * 1024, timeout: 30e9 };
/** Pieces of a datagram that do not touch each other: more come only from an attacker. */
const MAX_PIECES = 128;
const FIRST_BUFFER = 4096;

interface Datagram {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly id: number;
  readonly deadline: number;
  ttl: number;
  /** Room for a header, then the payload. */
  bytes: Uint8Array;
  /** What is there: begin and end of each piece, sorted, never touching. */
  readonly pieces: number[];
  /** Bytes of payload, once the last fragment is there; otherwise -1. */
  length: number;
}

/** How many datagrams came to an end other than complete. */
export interface ReassemblyCounters {
  completed: number;
  /** Time ran out. */
  expired: number;
  /** Fragments that contradict each other: overlapping, or two ends (as RFC 5722 has it for IPv6). */
  inconsistent: number;
  /** Given up so that the bounds hold. */
  evicted: number;
}

/** Takes fragments in any order. Nothing here is said about the time but what `now` says, in nanoseconds. */
export class Reassembler {
  readonly counters: ReassemblyCounters = { completed: 0, expired: 0, inconsistent: 0, evicted: 0 };
  /** Oldest first, so that the first deadline is the next. */
  private readonly datagrams: Datagram[] = [];
  private held = 0;

  constructor(private readonly limits: ReassemblyLimits = LIMITS) {}

  /** Bytes held. */
  get bytes(): number {
    return this.held;
  }
  /** Datagrams under way. */
  get size(): number {
    return this.datagrams.length;
  }
  /** When {@link Reassembler.expire} has something to do. */
  nextDeadline(): number | undefined {
    return this.datagrams[0]?.deadline;
  }

  /**
   * Takes a fragment: `header` was read from `bytes`.
   *
   * @returns the whole packet, as one that was never fragmented, if this was the last piece that was missing.
   */
  input(header: Ipv4Header, bytes: Uint8Array, now: number): Uint8Array | undefined {
    this.expire(now);
    const start = header.fragmentOffset, length = header.end - header.payload, end = start + length;
    // Only the last fragment may end anywhere but at a multiple of 8 (RFC 791, 3.2).
    if (length === 0 || header.moreFragments && length % 8 !== 0 || IPV4_HEADER + end > IPV4_MAX) {
      return undefined;
    }
    let datagram = this.datagrams.find((d) =>
      d.id === header.id && d.source === header.source && d.destination === header.destination &&
      d.protocol === header.protocol
    );
    if (datagram === undefined) datagram = this.begin(header, now);
    if (!header.moreFragments) {
      const last = datagram.pieces.length === 0 ? 0 : datagram.pieces[datagram.pieces.length - 1];
      if (datagram.length >= 0 ? datagram.length !== end : last > end) return this.refuse(datagram);
      datagram.length = end;
    } else if (datagram.length >= 0 && end > datagram.length) return this.refuse(datagram);
    if (start === 0) datagram.ttl = header.ttl;
    const added = add(datagram.pieces, start, end);
    if (added === "overlap") return this.refuse(datagram);
    if (added === "known") return undefined;
    if (!this.reserve(datagram, IPV4_HEADER + end)) return undefined;
    datagram.bytes.set(bytes.subarray(header.payload, header.end), IPV4_HEADER + start);
    if (datagram.pieces.length !== 2 || datagram.pieces[0] !== 0 || datagram.pieces[1] !== datagram.length) {
      return undefined;
    }
    this.remove(datagram);
    this.counters.completed++;
    const { source, destination, protocol, id, ttl } = datagram;
    writeIpv4(datagram.bytes, 0, source, destination, protocol, datagram.length, id, ttl, false);
    return datagram.bytes.subarray(0, IPV4_HEADER + datagram.length);
  }

  /**
   * Gives up what is too old.
   *
   * @param report gets the beginning of each such datagram whose first fragment is there, as a packet: what an ICMP
   *   "time exceeded" quotes (RFC 792).
   */
  expire(now: number, report?: (packet: Uint8Array) => void): void {
    while (this.datagrams.length > 0 && this.datagrams[0].deadline <= now) {
      const datagram = this.datagrams[0];
      this.remove(datagram);
      this.counters.expired++;
      if (report === undefined || datagram.pieces[0] !== 0) continue;
      const { source, destination, protocol, id, ttl, pieces } = datagram;
      writeIpv4(datagram.bytes, 0, source, destination, protocol, pieces[1], id, ttl, false);
      report(datagram.bytes.subarray(0, IPV4_HEADER + pieces[1]));
    }
  }

  private begin(header: Ipv4Header, now: number): Datagram {
    if (this.datagrams.length >= this.limits.datagrams) this.evict();
    const { source, destination, protocol, id, ttl } = header;
    const datagram: Datagram = {
      source,
      destination,
      protocol,
      id,
      ttl,
      deadline: now + this.limits.timeout,
      bytes: new Uint8Array(0),
      pieces: [],
      length: -1,
    };
    this.datagrams.push(datagram);
    return datagram;
  }

  /** Makes a datagram's buffer at least `needed` bytes long; false if the bounds forbid it, and it is given up. */
  private reserve(datagram: Datagram, needed: number): boolean {
    const old = datagram.bytes;
    if (needed <= old.length) return true;
    let size = Math.max(FIRST_BUFFER, old.length);
    while (size < needed) size *= 2;
    while (this.held + size - old.length > this.limits.bytes) {
      const oldest = this.datagrams[0];
      this.evict();
      if (oldest === datagram) return false;
    }
    datagram.bytes = new Uint8Array(size);
    datagram.bytes.set(old);
    this.held += size - old.length;
    return true;
  }

  private evict(): void {
    this.remove(this.datagrams[0]);
    this.counters.evicted++;
  }
  private refuse(datagram: Datagram): undefined {
    this.remove(datagram);
    this.counters.inconsistent++;
  }
  private remove(datagram: Datagram): void {
    this.datagrams.splice(this.datagrams.indexOf(datagram), 1);
    this.held -= datagram.bytes.length;
  }
}

/**
 * Adds [start, end) to pieces. One that is there already is `known`; one that overlaps otherwise is not added: taking
 * either version would let two machines see different datagrams (RFC 1858, RFC 5722).
 */
function add(pieces: number[], start: number, end: number): "added" | "known" | "overlap" {
  let i = 0;
  while (i < pieces.length && pieces[i + 1] < start) i += 2;
  // Pieces before i end before this one begins.
  if (i < pieces.length && pieces[i] <= start && end <= pieces[i + 1]) return "known";
  if (i < pieces.length && pieces[i + 1] === start) {
    const next = i + 2;
    if (next < pieces.length && pieces[next] < end) return "overlap";
    pieces[i + 1] = end;
    if (next < pieces.length && pieces[next] === end) pieces.splice(i + 1, 2);
    return "added";
  }
  if (i < pieces.length && pieces[i] < end) return "overlap";
  if (i < pieces.length && pieces[i] === end) pieces[i] = start;
  else if (pieces.length >= 2 * MAX_PIECES) return "overlap";
  else pieces.splice(i, 0, start, end);
  return "added";
}
