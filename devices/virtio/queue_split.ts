import type { GuestMemory } from "../guest_memory.ts";
import { Avail, AVAIL_F_NO_INTERRUPT, DESC_SIZE, DescF, needEvent, SplitDesc } from "../../spec/mod.ts";
import { Used, USED_F_NO_NOTIFY } from "../../spec/mod.ts";
import { type Chain, STRIDE } from "./chain.ts";
import {
  type AvailBytes,
  DeviceQueue,
  type DeviceQueueConfig,
  type DeviceQueueSnapshot,
} from "./queue_base.ts";
import { FRESH, mapRing, type RingState } from "./ring_areas.ts";
import { Rule } from "./queue_rules.ts";

// As constants of this module V8 folds them; an imported one, and its property, it loads at each use.
const F_INDIRECT = DescF.INDIRECT;
const F_NEXT = DescF.NEXT;
const F_WRITE = DescF.WRITE;
const AVAIL_FLAGS = Avail.FLAGS;
const AVAIL_IDX = Avail.IDX;
const AVAIL_RING = Avail.RING;
const USED_ELEM_SIZE = Used.ELEM_SIZE;
const USED_IDX = Used.IDX;
const USED_RING = Used.RING;
const DESC_FLAGS = SplitDesc.FLAGS;
const DESC_LEN = SplitDesc.LEN;
const DESC_NEXT = SplitDesc.NEXT;
const DESC_BYTES = DESC_SIZE;
const SEGMENT_WORDS = STRIDE;
const NO_INTERRUPT = AVAIL_F_NO_INTERRUPT;
const NO_NOTIFY = USED_F_NO_NOTIFY;

/** The device's side of a split virtqueue (virtio 1.4, 2.7). */
export class SplitDeviceQueue extends DeviceQueue {
  /** Where the three areas are: a view of their region, and the offset in it. */
  declare private readonly descView: DataView;
  declare private readonly desc: number;
  declare private readonly availView: DataView;
  declare private readonly avail: number;
  declare private readonly usedView: DataView;
  declare private readonly used: number;
  declare private readonly deviceAddr: number;
  /** Free-running: the next entry to take; written by nobody else. */
  declare private lastAvail: number;
  /** `lastAvail % size`, kept beside it. */
  declare private availSlot: number;
  /** The driver's avail.idx when last read. */
  declare private shadowAvail: number;
  /** Free-running: what used.idx shows the driver. */
  declare private usedIdx: number;
  declare private usedSlot: number;
  /** used.idx at the last {@link shouldInterrupt}; not valid before the first. */
  declare private signalledUsed: number;
  declare private signalledValid: boolean;
  /** An available ring at address 0 is always empty, as in QEMU; its flags and its event index count all the same. */
  declare private readonly withoutAvail: boolean;
  /** A used ring at address 0 is none, as in QEMU: chains that come back there stay in flight. */
  declare private readonly withoutUsed: boolean;
  /** Nothing forbids to push a chain at once. */
  declare private readonly oneByOne: boolean;
  /** The packed ring's wrap counter, kept for a queue that changes its kind. */
  declare private readonly wrapsBefore: boolean;

  constructor(memory: GuestMemory, cfg: DeviceQueueConfig) {
    super(memory, cfg);
    const { desc, driver, device } = cfg.areas ?? mapRing(memory, cfg);
    const state = cfg.state ?? FRESH;
    this.descView = desc.view;
    this.desc = desc.offset;
    this.availView = driver.view;
    this.avail = driver.offset;
    this.usedView = device.view;
    this.used = device.offset;
    this.deviceAddr = cfg.device;
    this.lastAvail = state.lastAvail;
    this.availSlot = state.lastAvail % cfg.size;
    this.shadowAvail = state.shadowAvail;
    this.usedIdx = state.usedIdx;
    this.usedSlot = state.usedIdx % cfg.size;
    this.signalledUsed = state.signalledUsed;
    this.signalledValid = state.signalledValid;
    this.wrapsBefore = state.availWrap;
    this.withoutUsed = cfg.device === 0;
    this.oneByOne = !this.inOrder && !this.withoutUsed;
    this.withoutAvail = cfg.driver === 0;
    if (this.withoutAvail) this.shadowAvail = this.lastAvail;
  }

  override pop(): Chain | undefined {
    const last = this.lastAvail;
    // As in QEMU, how far avail.idx went is nothing that a pop asks; only availBytes does.
    if (this.shadowAvail === last && this.readIdx() === last) return undefined;
    if (this.broken !== undefined) return undefined;
    if (this.inuse >= this.limit) this.full();
    const slot = this.availSlot;
    const head = this.availView.getUint16(this.avail + AVAIL_RING + 2 * slot, true);
    const next = (last + 1) & 0xffff;
    this.lastAvail = next;
    // 65536 is no multiple of an odd size: idx % size starts anew where the index wraps.
    this.availSlot = next === 0 || slot + 1 === this.size ? 0 : slot + 1;
    if (head >= this.size) this.badHead(head);
    if (this.eventIdx && this.notification) this.writeAvailEvent(next);

    const chain = this.take(head);
    let view = this.descView;
    let at = this.desc + head * DESC_BYTES;
    let flags = view.getUint16(at + DESC_FLAGS, true);
    let table = this.desc;
    let max = this.size;
    let indirect = false;
    let segments = 0;
    let word = 0;
    let inNum = 0;
    let readableLength = 0;
    let writableLength = 0;
    const memory = this.memory;
    const maxSegments = this.maxSegments;
    for (let count = 1;; count++) {
      // At the head, or the last behind other descriptors (virtio 1.4, 2.7.5.3.2); anywhere else the flag means nothing, as
      // in QEMU.
      if ((flags & F_INDIRECT) !== 0 && !indirect && (count === 1 || (flags & F_NEXT) === 0)) {
        indirect = true;
        const length = view.getUint32(at + DESC_LEN, true);
        if (length === 0 || length % DESC_BYTES !== 0) this.badTable(chain, length);
        table = this.tableAt(chain, view.getInt32(at, true), view.getInt32(at + 4, true), length);
        view = this.memory.current;
        max = length / DESC_BYTES;
        count = 1;
        at = table;
        flags = view.getUint16(at + DESC_FLAGS, true);
      }
      const lo = view.getInt32(at, true);
      const hi = view.getInt32(at + 4, true);
      const size = view.getInt32(at + DESC_LEN, true);
      const writable = (flags & F_WRITE) !== 0;
      if (!writable && inNum > 0) this.badOrder(chain);
      if (!memory.surelyCovers(lo, hi, size) || segments === maxSegments) {
        this.examine(chain, segments, lo, hi, size >>> 0);
      }
      if (count > max) this.looped(chain);
      const words = chain.room(word);
      words[word] = lo;
      words[word + 1] = hi;
      words[word + 2] = size;
      word += SEGMENT_WORDS;
      segments++;
      if (writable) {
        inNum++;
        writableLength += size >>> 0;
      } else {
        readableLength += size >>> 0;
      }
      if ((flags & F_NEXT) === 0) break;
      const i = view.getUint16(at + DESC_NEXT, true);
      if (i >= max) this.badNext(chain, i, max);
      at = table + i * DESC_BYTES;
      flags = view.getUint16(at + DESC_FLAGS, true);
    }
    chain.outNum = segments - inNum;
    chain.inNum = inNum;
    chain.readableLength = readableLength;
    chain.writableLength = writableLength;
    this.inuse++;
    if (this.inOrder) this.enqueue(chain);
    if (this.trace.on) this.tracePop(chain);
    return chain;
  }

  override flush(): void {
    const count = this.filled;
    if (count === 0) return;
    this.filled = 0;
    if (this.broken !== undefined) return;
    const idx = (this.usedIdx + count) & 0xffff;
    // virtio 1.4, 2.7.8.2: the entries stand in memory before idx shows them; JavaScript keeps program order.
    this.usedView.setUint16(this.used + USED_IDX, idx, true);
    // A whole round since the last question: the difference no longer tells what is new.
    if (((idx - this.signalledUsed) << 16 >> 16) < count) this.signalledValid = false;
    this.usedIdx = idx;
    if (this.trace.on) {
      this.memory.traceWrite(this.deviceAddr + USED_IDX, 2, `${this.name} used`);
      this.traceFlush(count);
    }
  }

  override push(chain: Chain, written: number): void {
    if (chain.inFlight && this.oneByOne && this.filled === 0 && this.broken === undefined && !this.trace.on) {
      // What fill and flush would do, at once.
      const slot = this.usedSlot;
      const at = this.used + USED_RING + slot * USED_ELEM_SIZE;
      const idx = (this.usedIdx + 1) & 0xffff;
      this.usedView.setUint32(at, chain.id, true);
      this.usedView.setUint32(at + 4, written, true);
      this.usedView.setUint16(this.used + USED_IDX, idx, true);
      this.usedSlot = idx === 0 || slot + 1 === this.size ? 0 : slot + 1;
      this.usedIdx = idx;
      if (((idx - this.signalledUsed) << 16 >> 16) < 1) this.signalledValid = false;
      this.inuse--;
      this.recycle(chain);
      return;
    }
    this.fill(chain, written);
    this.flush();
  }

  override unpop(chain: Chain): void {
    this.discard(chain);
    this.lastAvail = (this.lastAvail - 1) & 0xffff;
    this.availSlot = this.lastAvail % this.size;
  }
  protected override costOf(_chain: Chain): number {
    return 1;
  }

  override shouldInterrupt(): boolean {
    if (!this.eventIdx) {
      return (this.availView.getUint16(this.avail + AVAIL_FLAGS, true) & NO_INTERRUPT) === 0;
    }
    const valid = this.signalledValid;
    const old = this.signalledUsed;
    this.signalledValid = true;
    this.signalledUsed = this.usedIdx;
    const event = this.availView.getUint16(this.avail + AVAIL_RING + 2 * this.size, true);
    return !valid || needEvent(event, this.usedIdx, old);
  }

  override setNotification(on: boolean): void {
    this.notification = on;
    if (this.eventIdx) {
      const idx = this.withoutAvail ? this.availView.getUint16(this.avail + AVAIL_IDX, true) : this.readIdx();
      // Off: the event stays where it is, and the driver's index passes it at most once in 65536. QEMU reads the index all
      // the same, and so forgets what it knew where a driver has set the ring up anew.
      if (on) this.writeAvailEvent(idx);
      return;
    }
    const flags = this.usedView.getUint16(this.used, true);
    this.usedView.setUint16(this.used, on ? flags & ~NO_NOTIFY : flags | NO_NOTIFY, true);
    if (this.trace.on) this.memory.traceWrite(this.deviceAddr, 2, `${this.name} used`);
  }

  override hasAvail(): boolean {
    if (this.broken !== undefined) return false;
    if (this.shadowAvail === this.lastAvail) this.readIdx();
    return this.shadowAvail !== this.lastAvail;
  }

  override availBytes(maxIn: number, maxOut: number): AvailBytes {
    let inBytes = 0;
    let outBytes = 0;
    if (this.limit < 0) this.unmapped();
    this.checkIdx(this.readIdx());
    let total = 0;
    let slot = this.availSlot;
    for (let idx = this.lastAvail; idx !== this.shadowAvail; idx = (idx + 1) & 0xffff) {
      const head = this.availView.getUint16(this.avail + AVAIL_RING + 2 * slot, true);
      if (head >= this.size) this.badHead(head);
      // QEMU's index does not wrap at 65536 here: with a size that does not divide it, it looks at other entries.
      slot = slot + 1 === this.size ? 0 : slot + 1;
      let view = this.descView;
      let table = this.desc;
      let at = table + head * DESC_BYTES;
      let max = this.size;
      let count = total;
      const indirect = (view.getUint16(at + DESC_FLAGS, true) & F_INDIRECT) !== 0;
      if (indirect) {
        const length = view.getUint32(at + DESC_LEN, true);
        if (length === 0 || length % DESC_BYTES !== 0) this.badTable(undefined, length);
        if (total >= max) this.looped(undefined);
        table = this.tableAt(undefined, view.getInt32(at, true), view.getInt32(at + 4, true), length);
        view = this.memory.current;
        max = length / DESC_BYTES;
        at = table;
        count = 0;
      }
      for (;;) {
        if (++count > max) this.looped(undefined);
        const flags = view.getUint16(at + DESC_FLAGS, true);
        const length = view.getUint32(at + DESC_LEN, true);
        // The sums are 32 bits wide, as QEMU's.
        if ((flags & F_WRITE) !== 0) inBytes = (inBytes + length) >>> 0;
        else outBytes = (outBytes + length) >>> 0;
        if (inBytes >= maxIn && outBytes >= maxOut) return { in: inBytes, out: outBytes };
        if ((flags & F_NEXT) === 0) break;
        const i = view.getUint16(at + DESC_NEXT, true);
        if (i >= max) this.badNext(undefined, i, max);
        at = table + i * DESC_BYTES;
      }
      total = indirect ? total + 1 : count;
    }
    return { in: inBytes, out: outBytes };
  }

  override snapshot(): DeviceQueueSnapshot {
    return {
      kind: "split",
      name: this.name,
      size: this.size,
      broken: this.broken?.message,
      notification: this.notification,
      indices: {
        last_avail_idx: this.lastAvail,
        shadow_avail_idx: this.shadowAvail,
        used_idx: this.usedIdx,
        signalled_used: this.signalledUsed,
        inuse: this.inuse,
      },
      inFlight: this.flying(),
    };
  }

  override state(): RingState {
    return {
      lastAvail: this.lastAvail,
      shadowAvail: this.shadowAvail,
      availWrap: this.wrapsBefore,
      usedIdx: this.usedIdx,
      usedWrap: this.wrapsBefore,
      signalledUsed: this.signalledUsed,
      signalledValid: this.signalledValid,
      notification: this.notification,
      inuse: this.inuse,
    };
  }

  private checkIdx(idx: number): void {
    const last = this.lastAvail;
    if (((idx - last) & 0xffff) <= this.size) return;
    const found = `avail.idx went from ${last} to ${idx}, more than the ${this.size} entries of the ring`;
    this.fail(undefined, found, Rule.availIdx, `Guest moved used index from ${last} to ${idx}`);
  }
  private readIdx(): number {
    if (this.withoutAvail) return this.shadowAvail = this.lastAvail;
    return this.shadowAvail = this.availView.getUint16(this.avail + AVAIL_IDX, true);
  }
  protected override put(chain: Chain, written: number): void {
    if (this.withoutUsed) return this.recycle(chain);
    const slot = this.usedSlot;
    const idx = (this.usedIdx + this.filled + 1) & 0xffff;
    if (this.broken === undefined) {
      const at = this.used + USED_RING + slot * USED_ELEM_SIZE;
      this.usedView.setUint32(at, chain.id, true);
      this.usedView.setUint32(at + 4, written, true);
      this.usedSlot = idx === 0 || slot + 1 === this.size ? 0 : slot + 1;
      if (this.trace.on) {
        const addr = this.deviceAddr + USED_RING + slot * USED_ELEM_SIZE;
        this.memory.traceWrite(addr, 8, `${this.name} used`);
      }
    }
    this.filled++;
    this.inuse--;
    this.recycle(chain);
  }
  private writeAvailEvent(event: number): void {
    const at = USED_RING + this.size * USED_ELEM_SIZE;
    this.usedView.setUint16(this.used + at, event, true);
    if (this.trace.on) this.memory.traceWrite(this.deviceAddr + at, 2, `${this.name} used`);
  }
}
