import type { GuestMemory } from "../guest_memory.ts";
import { DESC_SIZE, DescF, EventSuppr, PackedDesc, PackedDescF, RingEventFlags } from "../../spec/mod.ts";
import { type Chain, STRIDE } from "./chain.ts";
import {
  type AvailBytes,
  DeviceQueue,
  type DeviceQueueConfig,
  type DeviceQueueSnapshot,
  mapArea,
} from "./queue_base.ts";

/** AVAIL and USED together: what says whose a descriptor is. */
const OWNER = PackedDescF.AVAIL | PackedDescF.USED;

/**
 * The device's side of a packed virtqueue (virtio 1.4, 2.8). Used descriptors carry AVAIL and USED and never WRITE, as
 * QEMU writes them.
 */
export class PackedDeviceQueue extends DeviceQueue {
  /** Where the three areas are: a view of their region, and the offset in it. */
  declare private readonly descView: DataView;
  declare private readonly desc: number;
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
  /** The next descriptor to write, and the bits to write there: both or none. */
  declare private usedIdx: number;
  declare private usedOwner: number;
  /** Where {@link flush} will write the withheld flags of the first entry filled, and which. */
  declare private firstAt: number;
  declare private firstFlags: number;
  declare private firstIdx: number;
  /** Descriptors used since the last {@link shouldInterrupt}; meaningless before the first. */
  declare private sinceSignal: number;
  declare private signalledValid: boolean;

  constructor(memory: GuestMemory, cfg: DeviceQueueConfig) {
    super(memory, cfg);
    const desc = mapArea(memory, cfg, "desc", DESC_SIZE * cfg.size);
    const driver = mapArea(memory, cfg, "driver", EventSuppr.SIZE);
    const device = mapArea(memory, cfg, "device", EventSuppr.SIZE);
    this.descView = desc.view;
    this.desc = desc.offset;
    this.driverView = driver.view;
    this.driver = driver.offset;
    this.deviceView = device.view;
    this.device = device.offset;
    this.deviceAddr = cfg.device;
    this.lastAvail = 0;
    this.availOwner = PackedDescF.AVAIL;
    this.usedIdx = 0;
    this.usedOwner = OWNER;
    this.firstAt = 0;
    this.firstFlags = 0;
    this.firstIdx = 0;
    this.sinceSignal = 0;
    this.signalledValid = false;
  }

  override pop(): Chain | undefined {
    let view = this.descView;
    const head = this.lastAvail;
    let at = this.desc + head * DESC_SIZE;
    let flags = view.getUint16(at + PackedDesc.FLAGS, true);
    if ((flags & OWNER) !== this.availOwner || this.broken !== undefined) return undefined;
    if (this.inuse >= this.size) this.full();

    const chain = this.take(view.getUint16(at + PackedDesc.ID, true));
    let indirect = false;
    let max = this.size;
    let end = this.desc + max * DESC_SIZE;
    if ((flags & DescF.INDIRECT) !== 0) {
      indirect = true;
      const length = view.getUint32(at + PackedDesc.LEN, true);
      if (length === 0 || length % DESC_SIZE !== 0) this.badTable(chain, length);
      at = this.memory.locate(view.getInt32(at, true), view.getInt32(at + 4, true), length);
      if (at < 0) this.lostTable(chain, length);
      view = this.memory.current;
      max = length / DESC_SIZE;
      end = at + length;
      flags = view.getUint16(at + PackedDesc.FLAGS, true);
    }
    let count = 1;
    let outNum = 0;
    let inNum = 0;
    let readableLength = 0;
    let writableLength = 0;
    for (;; count++) {
      const lo = view.getInt32(at, true);
      const hi = view.getInt32(at + 4, true);
      const length = view.getUint32(at + PackedDesc.LEN, true);
      const writable = (flags & DescF.WRITE) !== 0;
      if (!writable && inNum > 0) this.badOrder(chain);
      if (length === 0) this.zeroSized(chain);
      if (outNum + inNum === this.maxSegments) this.tooLong(chain);
      if (!this.memory.coversSplit(lo, hi, length)) this.outside(chain, lo, hi, length);
      if (count > max) this.looped(chain);
      const word = (outNum + inNum) * STRIDE;
      const words = chain.room(word);
      words[word] = lo;
      words[word + 1] = hi;
      words[word + 2] = length;
      if (writable) {
        inNum++;
        writableLength += length;
      } else {
        outNum++;
        readableLength += length;
      }
      if (indirect) {
        // NEXT means nothing in a table (virtio 1.4, 2.8.7): it ends where its length says.
        at += DESC_SIZE;
        if (at === end) break;
      } else {
        if ((flags & DescF.NEXT) === 0) {
          // The last descriptor of a list holds its id (virtio 1.4, 2.8.6); drivers that QEMU serves write it in each.
          if (count > 1) chain.id = view.getUint16(at + PackedDesc.ID, true);
          break;
        }
        at += DESC_SIZE;
        if (at === end) at = this.desc;
      }
      flags = view.getUint16(at + PackedDesc.FLAGS, true);
    }
    chain.outNum = outNum;
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
    this.lastAvail = next;
    this.inuse += taken;
    if (this.inOrder) this.enqueue(chain);
    if (this.trace.on) this.tracePop(chain);
    return chain;
  }

  protected override put(chain: Chain, written: number): void {
    const descriptors = chain.descriptors;
    if (this.broken === undefined) {
      const idx = this.usedIdx;
      const at = this.desc + idx * DESC_SIZE;
      const view = this.descView;
      view.setUint32(at + PackedDesc.LEN, written, true);
      view.setUint16(at + PackedDesc.ID, chain.id, true);
      // The driver stops at the first entry that is not used: its flags come last, at the flush (virtio 1.4, 2.8.22.1).
      if (this.filled === 0) {
        this.firstAt = at;
        this.firstFlags = this.usedOwner;
        this.firstIdx = idx;
        if (this.trace.on) this.traceDesc(idx, PackedDesc.LEN, 6);
      } else {
        view.setUint16(at + PackedDesc.FLAGS, this.usedOwner, true);
        if (this.trace.on) this.traceDesc(idx, PackedDesc.LEN, 8);
      }
      let next = idx + descriptors;
      if (next >= this.size) {
        next -= this.size;
        this.usedOwner ^= OWNER;
      }
      this.usedIdx = next;
      this.sinceSignal += descriptors;
    }
    this.filled++;
    this.inuse -= descriptors;
    this.recycle(chain);
  }

  override flush(): void {
    const count = this.filled;
    if (count === 0) return;
    this.filled = 0;
    if (this.broken !== undefined) return;
    this.descView.setUint16(this.firstAt + PackedDesc.FLAGS, this.firstFlags, true);
    if (this.trace.on) {
      this.traceDesc(this.firstIdx, PackedDesc.FLAGS, 2);
      this.traceFlush(count);
    }
  }

  override push(chain: Chain, written: number): void {
    this.fill(chain, written);
    this.flush();
  }

  override shouldInterrupt(): boolean {
    if (this.broken !== undefined) return false;
    const flags = this.driverView.getUint16(this.driver + EventSuppr.FLAGS, true);
    const valid = this.signalledValid;
    const count = this.sinceSignal;
    this.signalledValid = true;
    this.sinceSignal = 0;
    if (flags === RingEventFlags.DISABLE) return false;
    if (flags === RingEventFlags.ENABLE || !this.eventIdx || !valid) return true;
    const event = this.driverView.getUint16(this.driver + EventSuppr.DESC, true);
    // Distance from the event to here, in this round or the one before (virtio 1.4, 2.8.14).
    const wrap = this.usedOwner === 0 ? 0 : 1;
    let distance = this.usedIdx - (event & 0x7fff);
    if ((event >> 15) !== wrap) distance += this.size;
    return distance > 0 && distance <= count;
  }

  override setNotification(on: boolean): void {
    this.notification = on;
    const view = this.deviceView;
    let flags: number = on ? RingEventFlags.ENABLE : RingEventFlags.DISABLE;
    if (on && this.eventIdx) {
      const wrap = this.availOwner === PackedDescF.AVAIL ? 0x8000 : 0;
      view.setUint16(this.device + EventSuppr.DESC, this.lastAvail | wrap, true);
      flags = RingEventFlags.DESC;
    }
    view.setUint16(this.device + EventSuppr.FLAGS, flags, true);
    if (this.trace.on) {
      this.memory.traceWrite(this.deviceAddr, EventSuppr.SIZE, `${this.name} device event`);
    }
  }

  override hasAvail(): boolean {
    if (this.broken !== undefined) return false;
    const flags = this.descView.getUint16(this.desc + this.lastAvail * DESC_SIZE + PackedDesc.FLAGS, true);
    return (flags & OWNER) === this.availOwner;
  }

  override availBytes(maxIn: number, maxOut: number): AvailBytes {
    let inBytes = 0;
    let outBytes = 0;
    let idx = this.lastAvail;
    let owner = this.availOwner;
    // At most one round: a driver that keeps the bits right for ever must not hold us.
    for (let total = 0; total < this.size && this.broken === undefined;) {
      let view = this.descView;
      let at = this.desc + idx * DESC_SIZE;
      let flags = view.getUint16(at + PackedDesc.FLAGS, true);
      if ((flags & OWNER) !== owner) break;
      const indirect = (flags & DescF.INDIRECT) !== 0;
      let max = this.size;
      let end = this.desc + max * DESC_SIZE;
      if (indirect) {
        const length = view.getUint32(at + PackedDesc.LEN, true);
        if (length === 0 || length % DESC_SIZE !== 0) this.badTable(undefined, length);
        at = this.memory.locate(view.getInt32(at, true), view.getInt32(at + 4, true), length);
        if (at < 0) this.lostTable(undefined, length);
        view = this.memory.current;
        max = length / DESC_SIZE;
        end = at + length;
      }
      let count = 0;
      for (;;) {
        if (++count > (indirect ? max : max - total)) this.looped(undefined);
        flags = view.getUint16(at + PackedDesc.FLAGS, true);
        const length = view.getUint32(at + PackedDesc.LEN, true);
        if ((flags & DescF.WRITE) !== 0) inBytes += length;
        else outBytes += length;
        if (inBytes >= maxIn && outBytes >= maxOut) return { in: inBytes, out: outBytes };
        if (!indirect && (flags & DescF.NEXT) === 0) break;
        at += DESC_SIZE;
        if (at === end) {
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
        last_avail_wrap_counter: this.availOwner === PackedDescF.AVAIL ? 1 : 0,
        used_idx: this.usedIdx,
        used_wrap_counter: this.usedOwner === 0 ? 0 : 1,
        inuse: this.inuse,
      },
      inFlight: this.flying(),
    };
  }

  private traceDesc(idx: number, offset: number, length: number): void {
    this.memory.traceWrite(this.descAddr + idx * DESC_SIZE + offset, length, `${this.name} desc`);
  }
}
