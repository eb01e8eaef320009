import { generalBarrier, readBarrier, writeBarrier } from "../../../arch/barrier.ts";
import {
  EventSuppr,
  PACKED_MAX_SIZE,
  PackedDesc,
  PackedDescF,
  RingEventFlags,
} from "../../../spec/virtio/packed.ts";
import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import type { ComCfg, NotifCfg } from "../transport/mod.ts";
import { Special, VirtqBase } from "./base.ts";
import { type OpenQueue, openQueue, type RingLayout } from "./set_up.ts";
import { type AvailBufferToken, BufferType, type UsedBufferToken } from "./token.ts";
import type { VirtqEnv, VirtqSnapshot } from "./types.ts";

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
const SPECIAL_BATCH = Special.BATCH;
const DESC_BYTES = DESC_SIZE;
const DIRECT = BufferType.Direct;

/** Sizes and areas of a packed ring (virtio 1.4, 2.8): any size, two event suppression structures. */
const LAYOUT: RingLayout = {
  kind: "packed",
  refuse: (size) => size < 1 || size > PACKED_MAX_SIZE ? `expected 1 to ${PACKED_MAX_SIZE}` : undefined,
  areas: (size) => [DESC_BYTES * size, EVENT_SIZE, EVENT_SIZE],
};

const BOTH = F_AVAIL | F_USED;

/** The packed virtqueue (virtio 1.4, 2.8; Hermit's `PackedVq`). */
export class PackedVq extends VirtqBase {
  override readonly kind = "packed";
  declare private readonly descAt: number;
  declare private readonly driverAt: number;
  declare private readonly deviceAt: number;
  /** By buffer id: descriptors of the last chain with it. A device that repeats an id skips that many. */
  declare private readonly lengths: Uint16Array;
  /** Where the next chain goes, and the wrap counter there. */
  private writeOff = 0;
  private writeWrap = 1;
  /** AVAIL and USED of a descriptor made available now. */
  private availFlags: number = F_AVAIL;
  /** Where the next used descriptor is expected. */
  private pollOff = 0;
  private pollWrap = 1;
  /** AVAIL and USED of a used descriptor there. */
  private usedFlags = BOTH;
  /** Free descriptors. */
  private capacity: number;
  /** Position after the last chain that the device was notified of; wrap in bit 15. */
  private lastNext = 1 << 15;
  /** The driver's event structure holds DESC: an interrupt at `eventOff`. */
  private atDesc = false;
  private eventOff = 0;
  /** `eventOff` lies behind the position polled. */
  private eventPassed = false;

  private constructor(open: OpenQueue) {
    super(open);
    this.descAt = open.desc.offset;
    this.driverAt = open.driver.offset;
    this.deviceAt = open.device.offset;
    this.lengths = new Uint16Array(this.size).fill(1);
    this.capacity = this.size;
  }

  /**
   * Sets up queue `index` with at most `size` descriptors; the device may have less.
   *
   * @throws {VirtqError} QueueNotExisting; QueueSizeNotAllowed unless 1 to 32768; AllocationError.
   */
  static create(
    comCfg: ComCfg,
    notifCfg: NotifCfg,
    size: number,
    index: number,
    features: bigint,
    env: VirtqEnv,
  ): PackedVq {
    return new PackedVq(openQueue(comCfg, notifCfg, size, index, features, env, LAYOUT));
  }

  override dispatch(token: AvailBufferToken, notif: boolean, type: BufferType): void {
    this.admit(token, type, this.capacity);
    const at = this.descAt + (this.writeOff << 4) + DESC_FLAGS;
    const flags = this.put(token, type);
    if (notif || this.atDesc) this.askNotif(token, notif, 1);
    this.publish(at, flags, token.consumed);
  }

  protected override commitBatch(
    batch: readonly (readonly [AvailBufferToken, BufferType])[],
    notif: boolean,
  ): void {
    const first = this.descAt + (this.writeOff << 4) + DESC_FLAGS;
    const firstFlags = this.put(batch[0][0], batch[0][1]);
    let added = batch[0][0].consumed;
    for (let i = 1; i < batch.length; i++) {
      // Not visible before the first one is: the device looks at one place only (virtio 1.4, 2.8.6).
      const at = this.descAt + (this.writeOff << 4) + DESC_FLAGS;
      this.memory.writeU16(at, this.put(batch[i][0], batch[i][1]));
      added += batch[i][0].consumed;
    }
    if (notif || this.atDesc) this.askNotif(batch[batch.length - 1][0], notif, batch.length);
    this.publish(first, firstFlags, added);
  }

  /** Writes a chain except for the flags of its first descriptor, which are returned: they make it visible. */
  private put(token: AvailBufferToken, type: BufferType): number {
    const memory = this.memory;
    const id = this.ids.allocate();
    this.tokens[id] = token;
    this.live++;
    if (this.inOrder) {
      this.order[this.orderWrite] = id;
      if (++this.orderWrite === this.size) this.orderWrite = 0;
    }
    const n = token.consumed;
    this.lengths[id] = n;
    this.capacity -= n;
    let off = this.writeOff;
    let at = this.descAt + (off << 4);
    if (type !== DIRECT) return this.putTable(token, id, off);
    const send = token.sendBuff;
    const recv = token.recvBuff;
    const sends = send.length;
    let first = 0;
    for (let i = 0; i < n; i++) {
      const readable = i < sends;
      const vec = readable ? send[i].vec : recv[i - sends].vec;
      memory.writeU32(at, vec.physLo);
      memory.writeU32(at + 4, vec.physHi);
      memory.writeU32(at + 8, readable ? vec.len : vec.capacity);
      const flags = this.availFlags | (readable ? 0 : F_WRITE) | (i + 1 < n ? F_NEXT : 0);
      if (i === 0) {
        memory.writeU16(at + DESC_ID, id);
        first = flags;
      } else {
        memory.writeU32(at + DESC_ID, id | (flags << 16));
      }
      at += DESC_BYTES;
      if (++off === this.size) {
        this.wrapWrite();
        off = 0;
        at = this.descAt;
      }
    }
    this.writeOff = off;
    return first;
  }

  /** One descriptor, for the indirect table. */
  private putTable(token: AvailBufferToken, id: number, off: number): number {
    const memory = this.memory;
    const table = token.table!;
    const at = this.descAt + (off << 4);
    memory.writeU32(at, table.physLo);
    memory.writeU32(at + 4, table.physHi);
    memory.writeU32(at + 8, table.length);
    memory.writeU16(at + DESC_ID, id);
    const flags = this.availFlags | F_INDIRECT;
    if (off + 1 === this.size) this.wrapWrite();
    else this.writeOff = off + 1;
    return flags;
  }

  private wrapWrite(): void {
    this.writeOff = 0;
    this.writeWrap ^= 1;
    this.availFlags ^= BOTH;
  }

  /** Makes a chain, and all behind it, visible (virtio 1.4, 2.8.21) and notifies the device if it wants (2.8.10). */
  private publish(flagsAt: number, flags: number, added: number): void {
    const memory = this.memory;
    writeBarrier(memory, this.orderPlatform);
    memory.writeU16(flagsAt, flags);
    generalBarrier(memory, this.orderPlatform);
    const event = memory.readU16(this.deviceAt + EVENT_FLAGS) & 3;
    if (event === NOTIFY_ENABLE || (event === NOTIFY_DESC && this.passes(added))) {
      const next = this.writeOff | (this.writeWrap << 15);
      this.lastNext = next;
      this.notifications++;
      this.notifCtrl.notifyDev(this.index, next);
    }
  }

  /** Whether the place where the device wants to be notified is among the last `added` descriptors. */
  private passes(added: number): boolean {
    if (!this.eventIdx) return false;
    const event = this.memory.readU16(this.deviceAt + EVENT_DESC);
    let back = this.writeOff - (event & 0x7fff);
    if (event >>> 15 !== this.writeWrap) back += this.size;
    return back > 0 && back <= added;
  }

  protected override receive(): UsedBufferToken | undefined {
    if ((this.special & SPECIAL_BATCH) !== 0) return this.nextOfBatch();
    const memory = this.memory;
    const at = this.descAt + (this.pollOff << 4);
    if ((memory.readU16(at + DESC_FLAGS) & BOTH) !== this.usedFlags) return undefined;
    // The device wrote id and len before the flags (virtio 1.4, 2.8.22).
    readBarrier(memory, this.orderPlatform);
    const id = memory.readU16(at + DESC_ID);
    const length = memory.readU32(at + DESC_LEN);
    const token = id < this.size ? this.tokens[id] : undefined;
    if (token === undefined) throw this.consumeBad(id);
    if (this.inOrder) return this.startBatch(id, length);
    this.skip(token.consumed);
    return this.finish(token, id, length);
  }

  /** A bad id: nothing was freed; the device has moved on by the buffer that it thinks it used. */
  private consumeBad(id: number): Error {
    this.skip(id < this.size ? this.lengths[id] : 1);
    if (this.eventPassed) this.settleNotif();
    return this.badId(id);
  }

  /** IN_ORDER: an entry for `id`, which is outstanding. */
  private startBatch(id: number, length: number): UsedBufferToken {
    this.batchLeft = this.batchOf(id);
    this.batchLen = length;
    let n = 0;
    for (let i = 0, place = this.orderRead; i < this.batchLeft; i++) {
      n += this.tokens[this.order[place]]!.consumed;
      if (++place === this.size) place = 0;
    }
    this.skip(n);
    this.special |= SPECIAL_BATCH;
    return this.nextOfBatch();
  }

  /** Moves the poll position on by `n` descriptors. */
  private skip(n: number): void {
    const was = this.pollOff;
    let off = was + n;
    if (off >= this.size) {
      off -= this.size;
      this.pollWrap ^= 1;
      this.usedFlags ^= BOTH;
    }
    this.pollOff = off;
    if (this.atDesc) {
      const ahead = this.eventOff - was;
      if ((ahead < 0 ? ahead + this.size : ahead) < n) this.eventPassed = true;
    }
  }

  protected override releaseChain(id: number, token: AvailBufferToken): void {
    this.ids.deallocate(id);
    this.capacity += token.consumed;
  }

  /**
   * Asks for an interrupt at the last descriptor of this chain, where that is enough: nothing else that is in flight
   * wants one. Otherwise interrupts are on until all that asked came back.
   */
  private askNotif(token: AvailBufferToken, notif: boolean, added: number): void {
    if (notif) {
      token.wantsNotif = true;
      this.wanted++;
      const alone = this.enabled ? this.live === added : this.wanted === 1;
      if (this.eventIdx && alone) {
        this.eventOff = this.writeOff === 0 ? this.size - 1 : this.writeOff - 1;
        const wrap = this.writeOff === 0 ? this.writeWrap ^ 1 : this.writeWrap;
        this.memory.writeU16(this.driverAt + EVENT_DESC, this.eventOff | (wrap << 15));
        this.memory.writeU16(this.driverAt + EVENT_FLAGS, NOTIFY_DESC);
        this.atDesc = true;
        this.eventPassed = false;
        return;
      }
    }
    if (this.enabled ? this.atDesc : !this.atDesc && this.wanted === 1) this.writeNotif();
  }

  protected override settleNotif(): void {
    if (this.wanted === 0 || this.eventPassed) this.writeNotif();
  }

  /** Interrupts as asked for with `enableNotifs` and `disableNotifs`, or on for a transfer that wants one. */
  private writeNotif(): void {
    const on = this.enabled || this.wanted !== 0;
    const flags = on ? NOTIFY_ENABLE : NOTIFY_DISABLE;
    this.memory.writeU16(this.driverAt + EVENT_FLAGS, flags);
    this.atDesc = false;
    this.eventPassed = false;
  }

  override enableNotifs(): boolean {
    this.enabled = true;
    this.writeNotif();
    return this.recheck();
  }

  override disableNotifs(): void {
    this.enabled = false;
    if (this.wanted === 0) this.writeNotif();
  }

  protected override ringHasUsed(): boolean {
    const flags = this.memory.readU16(this.descAt + (this.pollOff << 4) + DESC_FLAGS);
    return (flags & BOTH) === this.usedFlags;
  }

  protected override room(): number {
    return this.capacity;
  }

  protected override restartRing(): void {
    this.writeOff = this.pollOff = 0;
    this.writeWrap = this.pollWrap = 1;
    this.availFlags = F_AVAIL;
    this.usedFlags = BOTH;
    this.capacity = this.size;
    this.lastNext = 1 << 15;
    this.atDesc = this.eventPassed = false;
    this.lengths.fill(1);
  }

  protected override indices(): Record<string, number> {
    return { write: this.writeOff, writeWrap: this.writeWrap, poll: this.pollOff, pollWrap: this.pollWrap };
  }

  override snapshot(): VirtqSnapshot {
    return this.snapshotOf("packed");
  }

  /** The driver's own variables, as the golden traces list them. */
  debugState(): PackedDebugState {
    return {
      writeIndex: { off: this.writeOff, wrap: this.writeWrap },
      pollIndex: { off: this.pollOff, wrap: this.pollWrap },
      capacity: this.capacity,
      lastNext: { off: this.lastNext & 0x7fff, wrap: this.lastNext >>> 15 },
      drvFNotifIdx: this.eventIdx,
      devFNotifIdx: this.eventIdx,
      free: this.ids.list(),
      live: this.liveList(),
      hasUsedBuffers: this.hasUsedBuffers(),
    };
  }
}

/** {@link PackedVq.debugState}. */
export interface PackedDebugState {
  writeIndex: { off: number; wrap: number };
  pollIndex: { off: number; wrap: number };
  /** Free descriptors. */
  capacity: number;
  /** Position after the last chain the device was notified of. */
  lastNext: { off: number; wrap: number };
  /** EVENT_IDX is used by the driver's, the device's event structure. */
  drvFNotifIdx: boolean;
  devFNotifIdx: boolean;
  /** Free buffer ids, lowest first. */
  free: number[];
  /** In flight by buffer id; `descriptors` in the ring. */
  live: { id: number; token: AvailBufferToken; descriptors: number }[];
  hasUsedBuffers: boolean;
}
