import type { GuestMemory } from "../guest_memory.ts";
import { DESC_SIZE } from "../../spec/mod.ts";
import type { TraceSink } from "../../spec/trace.ts";
import { Chain } from "./chain.ts";
import { DeviceQueueError, hexOf } from "./queue_error.ts";
import { Rule } from "./queue_rules.ts";
import type { RingAreas, RingState } from "./ring_areas.ts";

export { DeviceQueueError, hexOf } from "./queue_error.ts";

/** QEMU's VIRTQUEUE_MAX_SIZE: the most segments a chain may have. */
export const MAX_SEGMENTS = 1024;

/** Where a queue lies and what was negotiated for it. */
export interface DeviceQueueConfig {
  /** Descriptors: 1 to 32768; a split queue need not be a power of two (QEMU takes any size). */
  readonly size: number;
  /** Guest-physical addresses: descriptor area, driver area (available ring), device area (used ring). */
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
  /** RING_PACKED, EVENT_IDX, INDIRECT_DESC, IN_ORDER as negotiated. As in QEMU, INDIRECT is honoured even without. */
  readonly packed: boolean;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
  readonly inOrder: boolean;
  /** For messages: `virtio-rng queue 0`. */
  readonly name: string;
  /** Most segments of a chain; QEMU's 1024 if not given. */
  readonly maxSize?: number;
  /** The areas, if they were found before ({@link mapRing}): perhaps for another size. */
  readonly areas?: RingAreas | undefined;
  /** Where the queue stood before; all at their start if not given. */
  readonly state?: RingState | undefined;
}

/** A queue's state, for people. Indices as QEMU names them. */
export interface DeviceQueueSnapshot {
  readonly kind: "split" | "packed";
  readonly name: string;
  readonly size: number;
  readonly broken: string | undefined;
  readonly notification: boolean;
  readonly indices: Record<string, number>;
  readonly inFlight: readonly { id: number; descriptors: number; readable: number; writable: number }[];
}

/** How many bytes wait for the device, up to the limits asked for. */
export interface AvailBytes {
  readonly in: number;
  readonly out: number;
}

/**
 * The device's side of a virtqueue. It behaves as QEMU 7.2's (`virtqueue_pop`, `virtqueue_fill`, `virtqueue_flush`),
 * but refuses what makes QEMU hang.
 */
export abstract class DeviceQueue {
  declare readonly memory: GuestMemory;
  declare protected readonly trace: TraceSink;
  declare readonly name: string;
  declare readonly size: number;
  /** Why the queue gives out nothing more. */
  declare broken: DeviceQueueError | undefined;
  declare protected readonly maxSegments: number;
  declare protected readonly eventIdx: boolean;
  declare protected readonly inOrder: boolean;
  /** Guest-physical address of the descriptor area: stands for QEMU's pointers in a trace. */
  declare protected readonly descAddr: number;
  /** Ring descriptors popped and not pushed (split: chains). */
  declare protected inuse: number;
  /** How many may be in use: the size; none if the descriptor area was found for a smaller size. */
  declare protected readonly limit: number;
  /** Entries filled and not yet flushed. */
  declare protected filled: number;
  declare protected notification: boolean;
  /** Every chain object ever made, and those of them free now (the first `freeCount`). */
  declare private readonly chains: Chain[];
  declare private readonly free: Chain[];
  declare private freeCount: number;
  /** IN_ORDER: the oldest and the newest chain in flight. */
  declare private oldest: Chain | undefined;
  declare private newest: Chain | undefined;

  constructor(memory: GuestMemory, cfg: DeviceQueueConfig) {
    this.memory = memory;
    this.trace = memory.trace;
    this.name = cfg.name;
    this.size = cfg.size;
    this.broken = undefined;
    this.maxSegments = cfg.maxSize ?? MAX_SEGMENTS;
    this.eventIdx = cfg.eventIdx;
    this.inOrder = cfg.inOrder;
    this.descAddr = cfg.desc;
    this.inuse = cfg.state?.inuse ?? 0;
    this.limit = (cfg.areas?.size ?? cfg.size) < cfg.size ? -1 : cfg.size;
    this.filled = 0;
    this.notification = cfg.state?.notification ?? true;
    this.chains = [];
    this.free = [];
    this.freeCount = 0;
    this.oldest = undefined;
    this.newest = undefined;
    if (!Number.isInteger(cfg.size) || cfg.size < 1 || cfg.size > 32768) {
      throw new RangeError(`${cfg.name}: queue size ${cfg.size}, expected 1 to 32768`);
    }
  }

  /**
   * The next chain the driver made available, or undefined.
   *
   * @throws {DeviceQueueError} if the driver broke a rule; the queue is then `broken` and gives out nothing more.
   */
  abstract pop(): Chain | undefined;
  /**
   * Writes a used entry that the driver does not see before {@link flush}. `written`: bytes, as the driver is told. With
   * IN_ORDER it waits for chains popped earlier.
   */
  fill(chain: Chain, written: number): void {
    if (!chain.inFlight || chain.done) this.notInFlight(chain);
    if (this.trace.on) this.traceFill(chain, written);
    if (!this.inOrder) {
      this.put(chain, written);
      return;
    }
    chain.done = true;
    chain.doneLength = written;
    while (this.oldest !== undefined && this.oldest.done) {
      const oldest = this.oldest;
      this.dequeue();
      this.put(oldest, oldest.doneLength);
    }
  }
  /** Writes the used entry and frees the chain object. */
  protected abstract put(chain: Chain, written: number): void;
  /** Shows the driver what was filled. */
  abstract flush(): void;
  /** `fill` and `flush`: gives one chain back. With IN_ORDER it waits for chains popped earlier. */
  abstract push(chain: Chain, written: number): void;
  /** Whether the driver wants an interrupt for what was flushed since the last question (which this remembers). */
  abstract shouldInterrupt(): boolean;
  /** Puts the chain popped last back, as if it had not been (QEMU's `virtqueue_unpop`). Not with IN_ORDER. */
  abstract unpop(chain: Chain): void;
  /** Forgets a chain that will not be used (QEMU's `virtqueue_detach_element`): the queue is about to break. */
  discard(chain: Chain): void {
    if (!chain.inFlight) this.notInFlight(chain);
    this.inuse -= this.costOf(chain);
    this.recycle(chain);
  }
  /** What a chain counts in {@link inuse}. */
  protected abstract costOf(chain: Chain): number;
  /** Asks the driver for notifications, or not. After asking, look again with {@link hasAvail}. */
  abstract setNotification(on: boolean): void;
  /** Whether a chain waits. */
  abstract hasAvail(): boolean;
  /**
   * How many bytes wait, without popping (QEMU's `virtqueue_get_avail_bytes`): stops counting when both limits are met.
   *
   * @throws {DeviceQueueError} as `pop`.
   */
  abstract availBytes(maxIn: number, maxOut: number): AvailBytes;
  abstract snapshot(): DeviceQueueSnapshot;
  /** Where the queue stands, for one that goes on from there. */
  abstract state(): RingState;
  /** Whether nothing is in flight. */
  get idle(): boolean {
    return this.inuse === 0;
  }

  /** A free chain object. */
  protected take(id: number): Chain {
    let chain: Chain;
    if (this.freeCount > 0) {
      chain = this.free[--this.freeCount];
    } else {
      chain = new Chain(this.memory);
      this.chains.push(chain);
      this.free.push(chain);
    }
    chain.id = id;
    chain.written = 0;
    chain.inFlight = true;
    return chain;
  }
  /** The chain was used (or never got out): its object is free again. */
  protected recycle(chain: Chain): void {
    chain.inFlight = false;
    if (chain.bounced) {
      chain.bounced = false;
      this.memory.releaseBounce();
    }
    this.free[this.freeCount++] = chain;
  }
  /** A model gives back what it does not have. Its own mistake, not the driver's. */
  private notInFlight(chain: Chain): never {
    throw new Error(`${this.name}: chain ${chain.id} pushed, but it is not in flight (pushed twice?)`);
  }
  /** IN_ORDER: remembers when a chain was popped. */
  protected enqueue(chain: Chain): void {
    chain.newer = undefined;
    chain.done = false;
    if (this.newest === undefined) this.oldest = chain;
    else this.newest.newer = chain;
    this.newest = chain;
  }
  /** IN_ORDER: takes the oldest chain off the list. */
  private dequeue(): void {
    const chain = this.oldest!;
    this.oldest = chain.newer;
    if (this.oldest === undefined) this.newest = undefined;
    chain.newer = undefined;
    chain.done = false;
  }

  /** A segment that is not plainly in RAM, or one too many: refuses it as QEMU does, or returns. */
  protected examine(chain: Chain, segments: number, lo: number, hi: number, length: number): void {
    if (length === 0) this.zeroSized(chain);
    if (segments === this.maxSegments) this.tooLong(chain);
    if (!this.memory.coversSplit(lo, hi, length)) this.outside(chain, lo, hi, length);
  }
  /** Adds a segment that is not wholly RAM, if QEMU would map it. */
  protected outside(chain: Chain, lo: number, hi: number, length: number): void {
    const address = (hi >>> 0) * 0x1_0000_0000 + (lo >>> 0);
    const before = chain.bounced;
    if (!before && this.memory.takeBounce(address, length)) {
      chain.bounced = true;
      return;
    }
    const found = `buffer at ${hexOf(address)}, length ${length}, lies outside guest memory`;
    this.fail(chain, found, Rule.address, "virtio: bogus descriptor or out of resources");
  }
  /** No room for another chain in flight, or no descriptors that could be read. */
  protected full(): never {
    if (this.limit < 0) this.unmapped();
    this.fail(undefined, `${this.inuse} chains are in flight already`, Rule.inUse, "Virtqueue size exceeded");
  }
  /** The size grew after the areas were found (QEMU looks for them when a queue is enabled). */
  protected unmapped(): never {
    const found = `the queue grew to ${this.size} entries after it was enabled`;
    this.fail(undefined, found, Rule.size, "Cannot map descriptor ring");
  }
  protected badHead(head: number): never {
    const found = `the head of a chain is descriptor ${head}, the queue has ${this.size}`;
    this.fail(undefined, found, Rule.head, `Guest says index ${head} is available`);
  }
  protected badNext(chain: Chain | undefined, next: number, max: number): never {
    this.fail(chain, `next is ${next} in a table of ${max} descriptors`, Rule.next, `Desc next is ${next}`);
  }
  protected badTable(chain: Chain | undefined, length: number): never {
    const found = `an indirect table of ${length} bytes`;
    this.fail(chain, found, Rule.table, "Invalid size for indirect buffer table");
  }
  /**
   * Finds an indirect table: its offset in `memory.current`. One that starts in RAM must end there, none goes beyond
   * the last address; one that starts elsewhere is read as zeros (as in QEMU), of which {@link NOTHING} is enough.
   */
  protected tableAt(chain: Chain | undefined, lo: number, hi: number, length: number): number {
    const at = this.memory.locate(lo, hi, length);
    if (at >= 0) return at;
    const wraps = hi === -1 && (lo >>> 0) + length > 0x1_0000_0000;
    if (wraps || this.memory.locate(lo, hi, 1) >= 0) this.lostTable(chain, length);
    this.memory.current = NOTHING;
    return 0;
  }
  private lostTable(chain: Chain | undefined, length: number): never {
    const found = `an indirect table of ${length} bytes outside guest memory`;
    this.fail(chain, found, Rule.tableAddress, "Cannot map indirect buffer");
  }
  protected looped(chain: Chain | undefined): never {
    this.fail(chain, "a chain has more descriptors than its table", Rule.loop, "Looped descriptor");
  }
  protected badOrder(chain: Chain): never {
    const found = "a buffer to read follows one to write";
    this.fail(chain, found, Rule.order, "Incorrect order for descriptors");
  }
  protected zeroSized(chain: Chain): never {
    this.fail(chain, "a buffer of length 0", Rule.zero, "virtio: zero sized buffers are not allowed");
  }
  protected tooLong(chain: Chain): never {
    const found = `a chain of more than ${this.maxSegments} buffers`;
    this.fail(chain, found, Rule.segments, "virtio: too many write descriptors in indirect table");
  }
  /** The driver broke a rule: breaks the queue and throws. */
  protected fail(chain: Chain | undefined, found: string, rule: string, qemu?: string): never {
    if (chain !== undefined) this.recycle(chain);
    const error = new DeviceQueueError(this.name, found, rule, qemu);
    this.broken = error;
    throw error;
  }
  protected tracePop(chain: Chain): void {
    this.trace.emit({
      ev: "qemu",
      name: "virtqueue_pop",
      text: `vq ${hexOf(this.descAddr)} elem ${
        this.elem(chain)
      } in_num ${chain.inNum} out_num ${chain.outNum}`,
    });
  }
  private traceFill(chain: Chain, written: number): void {
    this.trace.emit({
      ev: "qemu",
      name: "virtqueue_fill",
      text: `vq ${hexOf(this.descAddr)} elem ${this.elem(chain)} len ${written} idx ${this.filled}`,
    });
  }
  protected traceFlush(count: number): void {
    this.trace.emit({
      ev: "qemu",
      name: "virtqueue_flush",
      text: `vq ${hexOf(this.descAddr)} count ${count}`,
    });
  }
  protected flying(): DeviceQueueSnapshot["inFlight"] {
    return this.chains.filter((c) => c.inFlight).map((c) => ({
      id: c.id,
      descriptors: c.descriptors,
      readable: c.readableLength,
      writable: c.writableLength,
    }));
  }
  /** A stand-in for QEMU's element pointer that is the same in every run: the address of the descriptor it names. */
  private elem(chain: Chain): string {
    return hexOf(this.descAddr + chain.id * 16);
  }
}

/** A descriptor that is not in memory. */
export const NOTHING = new DataView(new ArrayBuffer(DESC_SIZE));
