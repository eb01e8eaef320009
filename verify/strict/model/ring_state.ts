import type { RingPart } from "../events.ts";
import type { Place } from "../report.ts";
import type { Chain, ChainFault, Segment } from "./chain.ts";
import type { Owned, RingField, RingModel } from "./queue.ts";

/** What a ring needs of its machine. */
export interface RingWorld {
  readonly time: number;
  u16(address: number): number;
  u32(address: number): number;
  u64(address: number): number;
  isRam(address: number, length: number): boolean;
  place(): Place;
}
/** What a ring tells. */
export interface RingEvents {
  published(chain: Chain): void;
  publishedBatch(count: number): void;
  used(chain: Chain | undefined, id: number, written: number): void;
}
export interface RingOptions {
  readonly size: number;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
  readonly inOrder: boolean;
}
export interface RingArea {
  readonly area: RingPart["area"];
  readonly base: number;
  readonly length: number;
}

const PAGE_BITS = 4096;

/** What both rings have in common: who is in flight, and what belongs to whom. */
export abstract class RingState implements RingModel {
  abstract readonly kind: "split" | "packed";
  abstract readonly areas: readonly RingArea[];
  readonly inFlight = new Map<number, Chain>();
  published = 0;
  used = 0;
  /** By descriptor of the ring: the chain in flight that it belongs to. */
  protected readonly owners: (Chain | undefined)[];
  /** By page: what chains in flight have there. */
  private readonly pages = new Map<number, Set<Holding>>();
  private readonly holdings = new Map<Chain, Holding[]>();

  constructor(
    protected readonly world: RingWorld,
    protected readonly events: RingEvents,
    protected readonly options: RingOptions,
  ) {
    this.owners = new Array(options.size).fill(undefined);
  }

  get size(): number {
    return this.options.size;
  }
  get descriptorsInFlight(): number {
    let n = 0;
    for (const owner of this.owners) if (owner !== undefined) n++;
    return n;
  }
  abstract get indices(): Readonly<Record<string, number>>;
  abstract addressOf(what: RingField, index?: number): number;
  abstract wantsNotification(since: number): boolean;
  /** Takes in what the driver has made available since. */
  abstract syncAvailable(): void;
  /** Takes in what the device has given back since. */
  abstract syncUsed(): void;

  ownerOf(address: number, length: number): Owned | undefined {
    const first = Math.floor((address - this.options.desc) / 16);
    const last = Math.floor((address + length - 1 - this.options.desc) / 16);
    for (let i = Math.max(0, first); i <= last && i < this.size; i++) {
      const chain = this.owners[i];
      if (chain !== undefined) return { chain, what: "descriptor" };
    }
    const end = address + length;
    for (let page = Math.floor(address / PAGE_BITS); page * PAGE_BITS < end; page++) {
      for (const h of this.pages.get(page) ?? []) {
        if (address < h.base + h.length && end > h.base) return { chain: h.chain, what: h.what };
      }
    }
    return undefined;
  }

  protected take(chain: Chain): void {
    this.inFlight.set(chain.id, chain);
    for (const d of chain.descriptors) this.owners[d] = chain;
    const holdings: Holding[] = [];
    const hold = (what: Owned["what"], base: number, length: number) => {
      if (length > 0 && this.world.isRam(base, length)) holdings.push({ chain, what, base, length });
    };
    if (chain.table !== undefined) hold("table", chain.table.address, chain.table.length);
    for (const s of chain.segments) {
      hold(s.writable ? "writable buffer" : "readable buffer", s.address, s.length);
    }
    this.holdings.set(chain, holdings);
    for (const h of holdings) {
      for (let page = Math.floor(h.base / PAGE_BITS); page * PAGE_BITS < h.base + h.length; page++) {
        let set = this.pages.get(page);
        if (set === undefined) this.pages.set(page, set = new Set());
        set.add(h);
      }
    }
  }
  protected give(chain: Chain): void {
    if (this.inFlight.get(chain.id) === chain) this.inFlight.delete(chain.id);
    this.freeDescriptors(chain);
    for (const h of this.holdings.get(chain) ?? []) {
      for (let page = Math.floor(h.base / PAGE_BITS); page * PAGE_BITS < h.base + h.length; page++) {
        const set = this.pages.get(page);
        set?.delete(h);
        if (set?.size === 0) this.pages.delete(page);
      }
    }
    this.holdings.delete(chain);
  }
  /** A chain came back: its descriptors are the driver's again. */
  protected freeDescriptors(chain: Chain): void {
    for (const d of chain.descriptors) if (this.owners[d] === chain) this.owners[d] = undefined;
  }
  /** The device used a chain, or with IN_ORDER all up to it (virtio 1.4, 2.7.14, 2.8.22). */
  protected finish(id: number, written: number): void {
    const chain = this.inFlight.get(id);
    if (chain !== undefined && this.options.inOrder) {
      for (const earlier of [...this.inFlight.values()]) {
        if (earlier.number < chain.number) this.giveBack(earlier, earlier.id, writableBytes(earlier));
      }
    }
    this.giveBack(chain, id, written);
  }
  private giveBack(chain: Chain | undefined, id: number, written: number): void {
    if (chain !== undefined) this.give(chain);
    this.used++;
    this.events.used(chain, id, written);
  }
}

interface Holding {
  readonly chain: Chain;
  readonly what: Owned["what"];
  readonly base: number;
  readonly length: number;
}

/** Bytes that the device may write. */
export const writableBytes = (chain: Chain): number =>
  chain.segments.reduce((n, s) => s.writable ? n + s.length : n, 0);

/** Faults that hold for a chain as a whole, whatever the ring (virtio 1.4, 2.6.4.2, 2.7.4, 2.7.5). */
export function faultsOfSegments(segments: readonly Segment[], world: RingWorld): ChainFault[] {
  const faults: ChainFault[] = [];
  let writable = false, total = 0;
  for (const s of segments) {
    if (writable && !s.writable) {
      faults.push({
        kind: "order",
        descriptor: s.descriptor,
        text: "a readable buffer stands behind a writable one",
      });
    }
    writable ||= s.writable;
    total += s.length;
    if (s.length === 0) {
      faults.push({ kind: "empty", descriptor: s.descriptor, text: "a buffer of length 0" });
    } else if (!world.isRam(s.address, s.length)) {
      const text = `a buffer of ${s.length} bytes at 0x${s.address.toString(16)} is not in RAM`;
      faults.push({ kind: "memory", descriptor: s.descriptor, text });
    }
  }
  if (total > 2 ** 32) {
    const text = `${total} bytes in one chain`;
    faults.push({ kind: "too-long", descriptor: segments[0].descriptor, text });
  }
  return faults;
}
