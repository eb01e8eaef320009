import type { GuestMemory } from "../guest_memory.ts";
import {
  DESC_SIZE,
  DescF,
  EventSuppr,
  needEvent,
  PackedDesc,
  PackedDescF,
  RingEventFlags,
} from "../../spec/mod.ts";
import { type Chain, STRIDE } from "./chain.ts";
import {
  type AvailBytes,
  DeviceQueue,
  type DeviceQueueConfig,
  type DeviceQueueSnapshot,
  NOTHING,
} from "./queue_base.ts";
import { FRESH, mapRing, type RingState } from "./ring_areas.ts";

// As constants of this module V8 folds them; an imported one, and its property, it loads at each use.
const F_INDIRECT = DescF.INDIRECT;
const F_NEXT = DescF.NEXT;
const F_WRITE = DescF.WRITE;
const DESC_FLAGS = PackedDesc.FLAGS;
const DESC_ID = PackedDesc.ID;
const DESC_LEN = PackedDesc.LEN;
const F_AVAIL = PackedDescF.AVAIL;
const F_USED = PackedDescF.USED;
const EVENT_DESC = EventSuppr.DESC;
const EVENT_FLAGS = EventSuppr.FLAGS;
const EVENT_SIZE = EventSuppr.SIZE;
const NOTIFY_DESC = RingEventFlags.DESC;
const NOTIFY_DISABLE = RingEventFlags.DISABLE;
const NOTIFY_ENABLE = RingEventFlags.ENABLE;
const DESC_BYTES = DESC_SIZE;
const SEGMENT_WORDS = STRIDE;

/** AVAIL and USED together: what says whose a descriptor is. */
const OWNER = F_AVAIL | F_USED;

/**
 * The device's side of a packed virtqueue (virtio 1.4, 2.8). Used descriptors carry AVAIL and USED and never WRITE, as
 * QEMU writes them.
 */
export class PackedDeviceQueue extends DeviceQueue {
  /** Where the three areas are: a view of their region, and the offset in it. */
  declare private readonly descView: DataView;
  declare private readonly desc: number;
  /** Where the descriptors end that the queue had when it was enabled. */
  declare private readonly areaEnd: number;
  /** The driver's event suppression: what interrupts it wants. */
  declare private readonly driverView: DataView;
  declare private readonly driver: number;
  /** The device's: what notifications it wants. */
  declare private readonly deviceView: DataView;
  declare private readonly device: number;
  declare private readonly deviceAddr: number;
  /** The next descriptor to take, and its AVAIL and USED bits if the driver made it available in this round. */
  declare private lastAvail: number;
  declare private availOwner: number;
  /** The first descriptor that was not there when it was looked for (QEMU's `shadow_avail_idx`): of it we want to hear. */
  declare private missing: number;
  declare private missingOwner: number;
  /** The next descriptor to write, and the bits to write there: both or none. */
  declare private usedIdx: number;
  declare private usedOwner: number;
  /** Where {@link flush} will write the withheld flags of the first entry filled, and which. */
  declare private firstAt: number;
  declare private firstFlags: number;
  declare private firstIdx: number;
  /** usedIdx at the last {@link shouldInterrupt}; not valid before the first, and when the ring has gone round since. */
  declare private signalledUsed: number;
  declare private signalledValid: boolean;

  constructor(memory: GuestMemory, cfg: DeviceQueueConfig) {
    super(memory, cfg);
    const { desc, driver, device } = cfg.areas ?? mapRing(memory, cfg);
    const state = cfg.state ?? FRESH;
    this.descView = desc.view;
    this.desc = desc.offset;
    this.driverView = driver.view;
    this.driver = driver.offset;
    this.deviceView = device.view;
    this.device = device.offset;
    this.deviceAddr = cfg.device;
    // A queue that shrank goes on beyond its end, as in QEMU, where the areas still have the place.
    const slots = cfg.areas?.size ?? cfg.size;
    this.areaEnd = this.desc + slots * DESC_BYTES;
    this.lastAvail = state.lastAvail < slots ? state.lastAvail : 0;
    this.availOwner = state.availWrap ? F_AVAIL : F_USED;
    this.missing = this.lastAvail;
    this.missingOwner = this.availOwner;
    this.usedIdx = state.usedIdx < slots ? state.usedIdx : 0;
    this.usedOwner = state.usedWrap ? OWNER : 0;
    this.firstAt = 0;
    this.firstFlags = 0;
    this.firstIdx = 0;
    this.signalledUsed = state.signalledUsed;
    this.signalledValid = state.signalledValid;
  }

  override pop(): Chain | undefined {
    let view = this.descView;
    const head = this.lastAvail;
    let at = this.desc + head * DESC_BYTES;
    let flags = view.getUint16(at + DESC_FLAGS, true);
    if ((flags & OWNER) !== this.availOwner || this.broken !== undefined) return undefined;
    if (this.inuse >= this.limit) this.full();

    const chain = this.take(view.getUint16(at + DESC_ID, true));
    let indirect = false;
    let max = this.size;
    let end = this.desc + max * DESC_BYTES;
    if ((flags & F_INDIRECT) !== 0) {
      indirect = true;
      const length = view.getUint32(at + DESC_LEN, true);
      if (length === 0 || length % DESC_BYTES !== 0) this.badTable(chain, length);
      at = this.tableAt(chain, view.getInt32(at, true), view.getInt32(at + 4, true), length);
      view = this.memory.current;
      max = view === NOTHING ? 1 : length / DESC_BYTES;
      end = at + max * DESC_BYTES;
      flags = view.getUint16(at + DESC_FLAGS, true);
    }
    let count = 1;
    let segments = 0;
    let word = 0;
    let inNum = 0;
    let readableLength = 0;
    let writableLength = 0;
    const memory = this.memory;
    const maxSegments = this.maxSegments;
    for (;; count++) {
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
      if (indirect) {
        // NEXT means nothing in a table (virtio 1.4, 2.8.7): it ends where its length says.
        at += DESC_BYTES;
        if (at === end) break;
      } else {
        if ((flags & F_NEXT) === 0) {
          // The last descriptor of a list holds its id (virtio 1.4, 2.8.6); drivers that QEMU serves write it in each.
          if (count > 1) chain.id = view.getUint16(at + DESC_ID, true);
          break;
        }
        at += DESC_BYTES;
        if (at === end || at >= this.areaEnd) at = this.desc;
      }
      flags = view.getUint16(at + DESC_FLAGS, true);
    }
    chain.outNum = segments - inNum;
    chain.inNum = inNum;
    chain.readableLength = readableLength;
    chain.writableLength = writableLength;
    const taken = indirect ? 1 : count;
    chain.descriptors = taken;
    let next = head + taken;
    if (next >= this.size) {
      next -= this.size;
      this.availOwner ^= OWNER;
    }
    this.lastAvail = this.missing = next;
    this.missingOwner = this.availOwner;
    this.inuse += taken;
    if (this.inOrder) this.enqueue(chain);
    if (this.trace.on) this.tracePop(chain);
    return chain;
  }

  protected override put(chain: Chain, written: number): void {
    const descriptors = chain.descriptors;
    if (this.broken === undefined) {
      let idx = this.usedIdx;
      let owner = this.usedOwner;
      if (idx >= this.size) {
        // The queue shrank.
        idx -= this.size;
        owner ^= OWNER;
      }
      const at = this.desc + idx * DESC_BYTES;
      const view = this.descView;
      view.setUint32(at + DESC_LEN, written, true);
      view.setUint16(at + DESC_ID, chain.id, true);
      // The driver stops at the first entry that is not used: its flags come last, at the flush (virtio 1.4, 2.8.22.1).
      if (this.filled === 0) {
        this.firstAt = at;
        this.firstFlags = owner;
        this.firstIdx = idx;
        if (this.trace.on) this.traceDesc(idx, DESC_LEN, 6);
      } else {
        view.setUint16(at + DESC_FLAGS, owner, true);
        if (this.trace.on) this.traceDesc(idx, DESC_LEN, 8);
      }
      let next = this.usedIdx + descriptors;
      if (next >= this.size) {
        next -= this.size;
        this.usedOwner ^= OWNER;
        // As in QEMU: where the ring starts anew, an interrupt may be one too many.
        this.signalledValid = false;
      }
      this.usedIdx = next;
    }
    this.filled++;
    this.inuse -= descriptors;
    this.recycle(chain);
  }

  override flush(): void {
    if (this.filled === 0) return;
    this.filled = 0;
    if (this.broken !== undefined) return;
    this.descView.setUint16(this.firstAt + DESC_FLAGS, this.firstFlags, true);
    // QEMU's virtqueue_flush event is the split ring's alone.
    if (this.trace.on) this.traceDesc(this.firstIdx, DESC_FLAGS, 2);
  }

  override push(chain: Chain, written: number): void {
    this.fill(chain, written);
    this.flush();
  }

  override unpop(chain: Chain): void {
    const taken = chain.descriptors;
    this.discard(chain);
    this.lastAvail -= taken;
    if (this.lastAvail < 0) {
      this.lastAvail += this.size;
      this.availOwner ^= OWNER;
    }
  }
  protected override costOf(chain: Chain): number {
    return chain.descriptors;
  }

  override shouldInterrupt(): boolean {
    const flags = this.driverView.getUint16(this.driver + EVENT_FLAGS, true);
    const valid = this.signalledValid;
    const old = this.signalledUsed;
    this.signalledValid = true;
    this.signalledUsed = this.usedIdx;
    if (flags === NOTIFY_DISABLE) return false;
    // QEMU looks at the event whether or not EVENT_IDX was negotiated.
    if (flags === NOTIFY_ENABLE || !valid) return true;
    const event = this.driverView.getUint16(this.driver + EVENT_DESC, true);
    const wrap = this.usedOwner === 0 ? 0 : 1;
    // An event of the round before is that much further back (virtio 1.4, 2.8.14).
    const at = (event & 0x7fff) - (event >> 15 === wrap ? 0 : this.size);
    return needEvent(at, this.usedIdx, old);
  }

  override setNotification(on: boolean): void {
    this.notification = on;
    const view = this.deviceView;
    let flags: number = on ? NOTIFY_ENABLE : NOTIFY_DISABLE;
    if (on && this.eventIdx) {
      const wrap = this.missingOwner === F_AVAIL ? 0x8000 : 0;
      view.setUint16(this.device + EVENT_DESC, this.missing | wrap, true);
      flags = NOTIFY_DESC;
    }
    view.setUint16(this.device + EVENT_FLAGS, flags, true);
    if (this.trace.on) {
      this.memory.traceWrite(this.deviceAddr, EVENT_SIZE, `${this.name} device event`);
    }
  }

  override hasAvail(): boolean {
    const flags = this.descView.getUint16(this.desc + this.lastAvail * DESC_BYTES + DESC_FLAGS, true);
    return (flags & OWNER) === this.availOwner;
  }

  override availBytes(maxIn: number, maxOut: number): AvailBytes {
    let inBytes = 0;
    let outBytes = 0;
    let idx = this.lastAvail;
    let owner = this.availOwner;
    if (this.limit < 0) this.unmapped();
    // At most one round: a driver that keeps the bits right for ever must not hold us.
    for (let total = 0; total < this.size;) {
      let view = this.descView;
      let at = this.desc + idx * DESC_BYTES;
      let flags = view.getUint16(at + DESC_FLAGS, true);
      if ((flags & OWNER) !== owner) break;
      const indirect = (flags & F_INDIRECT) !== 0;
      let max = this.size;
      let end = this.desc + max * DESC_BYTES;
      if (indirect) {
        const length = view.getUint32(at + DESC_LEN, true);
        if (length === 0 || length % DESC_BYTES !== 0) this.badTable(undefined, length);
        at = this.tableAt(undefined, view.getInt32(at, true), view.getInt32(at + 4, true), length);
        view = this.memory.current;
        max = view === NOTHING ? 1 : length / DESC_BYTES;
        end = at + max * DESC_BYTES;
      }
      let count = 0;
      for (;;) {
        if (++count > (indirect ? max : max - total)) this.looped(undefined);
        flags = view.getUint16(at + DESC_FLAGS, true);
        const length = view.getUint32(at + DESC_LEN, true);
        // The sums are 32 bits wide, as QEMU's.
        if ((flags & F_WRITE) !== 0) inBytes = (inBytes + length) >>> 0;
        else outBytes = (outBytes + length) >>> 0;
        if (inBytes >= maxIn && outBytes >= maxOut) return { in: inBytes, out: outBytes };
        if (!indirect && (flags & F_NEXT) === 0) break;
        at += DESC_BYTES;
        if (at === end || at >= this.areaEnd && !indirect) {
          if (indirect) break;
          at = this.desc;
        }
      }
      const taken = indirect ? 1 : count;
      total += taken;
      idx += taken;
      if (idx >= this.size) {
        idx -= this.size;
        owner ^= OWNER;
      }
    }
    this.missing = idx;
    this.missingOwner = owner;
    return { in: inBytes, out: outBytes };
  }

  override snapshot(): DeviceQueueSnapshot {
    return {
      kind: "packed",
      name: this.name,
      size: this.size,
      broken: this.broken?.message,
      notification: this.notification,
      indices: {
        last_avail_idx: this.lastAvail,
        last_avail_wrap_counter: this.availOwner === F_AVAIL ? 1 : 0,
        used_idx: this.usedIdx,
        used_wrap_counter: this.usedOwner === 0 ? 0 : 1,
        inuse: this.inuse,
      },
      inFlight: this.flying(),
    };
  }

  override state(): RingState {
    return {
      lastAvail: this.lastAvail,
      shadowAvail: this.lastAvail,
      availWrap: this.availOwner === F_AVAIL,
      usedIdx: this.usedIdx,
      usedWrap: this.usedOwner !== 0,
      signalledUsed: this.signalledUsed,
      signalledValid: this.signalledValid,
      notification: this.notification,
      inuse: this.inuse,
    };
  }

  private traceDesc(idx: number, offset: number, length: number): void {
    this.memory.traceWrite(this.descAddr + idx * DESC_BYTES + offset, length, `${this.name} desc`);
  }
}
