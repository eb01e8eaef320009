/** Who has which hardware address on one wire: a cache that asks, remembers, and forgets (RFC 826; RFC 1122, 2.3.2). */
import type { PartialChecksum } from "../../drivers/net/mod.ts";
import { copyMac, MAC_LENGTH } from "../../inet/addresses.ts";

/** How long an answer is believed (RFC 1122, 2.3.2.1: on the order of a minute). Nanoseconds. */
const REACHABLE = 60e9;
/** Between two requests (RFC 1122, 2.3.2.1: at most one a second). */
const RETRY = 1e9;
/** Requests before an address counts as unreachable. */
const REQUESTS = 3;
/** Entries of the table. */
const MAX_ENTRIES = 512;
/** Packets, and their bytes, that wait for one address; RFC 1122, 2.3.2.2 asks for one at least. */
const MAX_HELD = 64, MAX_HELD_BYTES = 128 * 1024;
/** Bytes that wait for all addresses together. */
const MAX_BYTES = 2 << 20;

/** A frame that waits for its destination's hardware address. */
export interface HeldFrame {
  readonly bytes: Uint8Array;
  readonly checksum: PartialChecksum | undefined;
}

/** What the cache asks of its interface. */
export interface NeighborHost {
  /** Ask who has `address`: the one who had it last, or everyone. */
  request(address: number, mac: Uint8Array | undefined): void;
  /** A frame can go; its destination is to be filled in. */
  release(frame: HeldFrame, mac: Uint8Array): void;
  /** Nobody answered; these frames are given up. */
  unreachable(address: number, frames: readonly HeldFrame[]): void;
}

/** `incomplete`: never answered; `reachable`; `stale`: old, to be asked again when used; `probing`: being asked again. */
export type NeighborState = "incomplete" | "reachable" | "stale" | "probing";

interface Entry {
  readonly address: number;
  readonly mac: Uint8Array;
  state: NeighborState;
  /** When it becomes stale, or is asked for again. */
  at: number;
  requests: number;
  held: HeldFrame[];
  heldBytes: number;
}

/** One row of the shell's `arp`. */
export interface NeighborInfo {
  readonly address: number;
  readonly mac: Uint8Array | undefined;
  readonly state: NeighborState;
  readonly held: number;
}

/** The cache of one interface. Times are nanoseconds of machine time. */
export class Neighbors {
  /** Frames given up because too many waited, or nobody answered. */
  dropped = 0;
  /** Bytes of all frames that wait. */
  private bytes = 0;
  private readonly entries = new Map<number, Entry>();
  /** Those that are being asked for. */
  private readonly asked = new Set<Entry>();

  constructor(private readonly host: NeighborHost) {}

  /** The hardware address of `address`, if it is known. An old one is still used while it is asked for again. */
  find(address: number, now: number): Uint8Array | undefined {
    const entry = this.entries.get(address);
    if (entry === undefined || entry.state === "incomplete") return undefined;
    if (entry.state !== "probing" && entry.at <= now) {
      entry.state = "probing";
      this.ask(entry, now, 0);
    }
    return entry.mac;
  }

  /**
   * Keeps a copy of a frame until `address` answers, and asks if that has not been done.
   *
   * @param force if too many wait, the oldest makes room: the newest is the most likely to be still wanted (RFC 1122,
   *   2.3.2.2). Otherwise the frame stays with its sender.
   * @returns false if it was not kept.
   */
  hold(
    address: number,
    frame: Uint8Array,
    checksum: PartialChecksum | undefined,
    now: number,
    force = false,
  ): boolean {
    let entry = this.entries.get(address);
    if (entry === undefined) {
      // Those that are being asked for make room when they answer, or do not.
      if (!force && this.asked.size >= MAX_ENTRIES) return false;
      entry = this.add(address);
      this.ask(entry, now, 0);
    }
    const isFull = entry.held.length >= MAX_HELD || entry.heldBytes + frame.length > MAX_HELD_BYTES;
    if (isFull || this.bytes + frame.length > MAX_BYTES) {
      if (!force) return false;
      this.dropped++;
      const oldest = entry.held.shift();
      if (oldest === undefined) return true;
      entry.heldBytes -= oldest.bytes.length;
      this.bytes -= oldest.bytes.length;
    }
    entry.held.push({ bytes: frame.slice(), checksum });
    entry.heldBytes += frame.length;
    this.bytes += frame.length;
    return true;
  }

  /**
   * Learns from a packet that `address` is at `mac`.
   *
   * @param create whether an address that nobody asked for is remembered, too (RFC 826: if the packet was for us).
   */
  learn(address: number, mac: Uint8Array, now: number, create: boolean): void {
    let entry = this.entries.get(address);
    if (entry === undefined) {
      if (!create) return;
      entry = this.add(address);
    }
    copyMac(entry.mac, 0, mac, 0);
    entry.state = "reachable";
    entry.at = now + REACHABLE;
    entry.requests = 0;
    this.asked.delete(entry);
    for (const frame of this.emptied(entry)) this.host.release(frame, entry.mac);
  }

  /** Asks again, gives up. */
  poll(now: number): void {
    for (const entry of this.asked) {
      if (entry.at > now) continue;
      if (entry.requests >= REQUESTS) this.fail(entry);
      else this.ask(entry, now, entry.requests);
    }
  }

  /** When {@link Neighbors.poll} has something to do. */
  nextDeadline(): number | undefined {
    let first: number | undefined;
    for (const { at } of this.asked) if (first === undefined || at < first) first = at;
    return first;
  }

  /** Forgets everything: the address changed, or the link was down. Frames that waited are given up. */
  clear(): void {
    for (const entry of this.entries.values()) this.dropped += this.emptied(entry).length;
    this.entries.clear();
    this.asked.clear();
  }

  /** The table, oldest first. */
  list(now: number): NeighborInfo[] {
    return Array.from(this.entries.values(), (e) => ({
      address: e.address,
      mac: e.state === "incomplete" ? undefined : e.mac,
      state: e.state === "reachable" && e.at <= now ? "stale" : e.state,
      held: e.held.length,
    }));
  }

  /** An entry that was never confirmed is asked for at once by everyone's address; one that was, by its own first. */
  private ask(entry: Entry, now: number, asked: number): void {
    entry.requests = asked + 1;
    entry.at = now + RETRY;
    this.asked.add(entry);
    const direct = entry.state === "probing" && entry.requests < REQUESTS;
    this.host.request(entry.address, direct ? entry.mac : undefined);
  }

  private fail(entry: Entry): void {
    this.asked.delete(entry);
    this.entries.delete(entry.address);
    const held = this.emptied(entry);
    this.dropped += held.length;
    if (held.length > 0) this.host.unreachable(entry.address, held);
  }

  /** Takes the frames that wait out of an entry. */
  private emptied(entry: Entry): HeldFrame[] {
    const { held } = entry;
    this.bytes -= entry.heldBytes;
    entry.held = [];
    entry.heldBytes = 0;
    return held;
  }

  private add(address: number): Entry {
    if (this.entries.size >= MAX_ENTRIES) this.evict();
    const entry: Entry = {
      address,
      mac: new Uint8Array(MAC_LENGTH),
      state: "incomplete",
      at: 0,
      requests: 0,
      held: [],
      heldBytes: 0,
    };
    this.entries.set(address, entry);
    return entry;
  }

  /** Room for one more: of those that nobody asks for the one that was learnt first, otherwise the oldest. */
  private evict(): void {
    let victim: Entry | undefined;
    for (const entry of this.entries.values()) {
      victim ??= entry;
      if (!this.asked.has(entry) && entry.held.length === 0) {
        victim = entry;
        break;
      }
    }
    this.asked.delete(victim!);
    this.entries.delete(victim!.address);
    this.dropped += this.emptied(victim!).length;
  }
}
