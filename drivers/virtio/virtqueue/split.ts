import { generalBarrier, readBarrier, writeBarrier } from "../../../arch/barrier.ts";
import {
  Avail,
  AVAIL_F_NO_INTERRUPT,
  availSize,
  DESC_SIZE,
  DescF,
  needEvent,
  SPLIT_MAX_SIZE,
  Used,
  USED_F_NO_NOTIFY,
  usedSize,
} from "../../../spec/virtio/split.ts";
import type { ComCfg, NotifCfg } from "../transport/mod.ts";
import { Special, VirtqBase } from "./base.ts";
import { type OpenQueue, openQueue, type RingLayout } from "./set_up.ts";
import { type AvailBufferToken, BufferType, type UsedBufferToken, VirtqDeviceError } from "./token.ts";
import type { VirtqEnv, VirtqSnapshot } from "./types.ts";

// As constants of this module V8 folds them; an imported one, and its property, it loads at each use.
const F_INDIRECT = DescF.INDIRECT;
const F_NEXT = DescF.NEXT;
const F_WRITE = DescF.WRITE;
const AVAIL_FLAGS = Avail.FLAGS;
const AVAIL_IDX = Avail.IDX;
const AVAIL_RING = Avail.RING;
const USED_ELEM_SIZE = Used.ELEM_SIZE;
const USED_FLAGS = Used.FLAGS;
const USED_IDX = Used.IDX;
const USED_RING = Used.RING;
const SPECIAL_BATCH = Special.BATCH;
const DESC_BYTES = DESC_SIZE;
const NO_INTERRUPT = AVAIL_F_NO_INTERRUPT;
const NO_NOTIFY = USED_F_NO_NOTIFY;
const DIRECT = BufferType.Direct;

/** Sizes and areas of a split ring (virtio 1.4, 2.7): the used ring is rounded up to whole 32-bit words. */
const LAYOUT: RingLayout = {
  kind: "split",
  refuse: (size) =>
    size < 1 || size > SPLIT_MAX_SIZE || (size & (size - 1)) !== 0
      ? `expected a power of two up to ${SPLIT_MAX_SIZE}`
      : undefined,
  areas: (size) => [DESC_BYTES * size, availSize(size), 4 * Math.ceil(usedSize(size) / 4)],
};

/**
 * The split virtqueue (virtio 1.4, 2.7; Hermit's `SplitVq`).
 *
 * The chain of each buffer is also kept in private memory: the descriptor table is the device's to see, not ours to
 * trust.
 */
export class SplitVq extends VirtqBase {
  override readonly kind = "split";
  declare private readonly mask: number;
  /** Offsets of the three areas and of the event fields within `memory`. */
  declare private readonly descAt: number;
  declare private readonly availAt: number;
  declare private readonly usedAt: number;
  declare private readonly usedEventAt: number;
  declare private readonly availEventAt: number;
  /** By descriptor: the next one of its chain. */
  declare private readonly chain: Int32Array;
  /** Written by us only: what the available ring's idx is, or will be. */
  private availIdx = 0;
  private readIdx = 0;
  /** IN_ORDER: descriptors are taken in ring order from here (virtio 1.4, 2.7.5). */
  private cursor = 0;

  private constructor(open: OpenQueue) {
    super(open);
    this.mask = this.size - 1;
    this.descAt = open.desc.offset;
    this.availAt = open.driver.offset;
    this.usedAt = open.device.offset;
    this.usedEventAt = open.driver.offset + AVAIL_RING + 2 * this.size;
    this.availEventAt = open.device.offset + USED_RING + USED_ELEM_SIZE * this.size;
    this.chain = new Int32Array(this.size);
  }

  /**
   * Sets up queue `index` with at most `size` descriptors; the device may have less.
   *
   * @throws {VirtqError} QueueNotExisting; QueueSizeNotAllowed unless a power of two up to 32768; AllocationError.
   */
  static create(
    comCfg: ComCfg,
    notifCfg: NotifCfg,
    size: number,
    index: number,
    features: bigint,
    env: VirtqEnv,
  ): SplitVq {
    return new SplitVq(openQueue(comCfg, notifCfg, size, index, features, env, LAYOUT));
  }

  override dispatch(token: AvailBufferToken, notif: boolean, type: BufferType): void {
    this.admit(token, type, this.ids.free);
    this.put(token, type);
    if (notif) this.want(token);
    this.publish(1);
  }

  protected override commitBatch(
    batch: readonly (readonly [AvailBufferToken, BufferType])[],
    notif: boolean,
  ): void {
    for (let i = 0; i < batch.length; i++) this.put(batch[i][0], batch[i][1]);
    if (notif) this.want(batch[batch.length - 1][0]);
    this.publish(batch.length);
  }

  /** Writes descriptors and the available entry; the device sees nothing before {@link SplitVq.publish}. */
  private put(token: AvailBufferToken, type: BufferType): void {
    if (type !== DIRECT) return this.enter(token, this.putTable(token));
    if (this.inOrder) return this.enter(token, this.putInOrder(token));
    const memory = this.memory;
    const ids = this.ids;
    const chain = this.chain;
    const descAt = this.descAt;
    // From the tail: each descriptor needs the index of the one behind it.
    // The free bitmap's word stays in a register meanwhile; `admit` saw that there are enough.
    let head = 0;
    let link = 0;
    const bits = ids.bits;
    let word = ids.hint;
    let w = bits[word];
    const recv = token.recvBuff;
    for (let i = recv.length - 1; i >= 0; i--) {
      const vec = recv[i].vec;
      while (w === 0) {
        bits[word] = 0;
        w = bits[++word];
      }
      const index = (word << 5) | (31 - Math.clz32(w & -w));
      w &= w - 1;
      const at = descAt + (index << 4);
      memory.writeU32(at, vec.physLo);
      memory.writeU32(at + 4, vec.physHi);
      memory.writeU32(at + 8, vec.capacity);
      memory.writeU32(at + 12, F_WRITE | link);
      chain[index] = head;
      head = index;
      link = F_NEXT | (index << 16);
    }
    const send = token.sendBuff;
    for (let i = send.length - 1; i >= 0; i--) {
      const vec = send[i].vec;
      while (w === 0) {
        bits[word] = 0;
        w = bits[++word];
      }
      const index = (word << 5) | (31 - Math.clz32(w & -w));
      w &= w - 1;
      const at = descAt + (index << 4);
      memory.writeU32(at, vec.physLo);
      memory.writeU32(at + 4, vec.physHi);
      memory.writeU32(at + 8, vec.len);
      memory.writeU32(at + 12, link);
      chain[index] = head;
      head = index;
      link = F_NEXT | (index << 16);
    }
    bits[word] = w;
    ids.hint = word;
    ids.free -= token.consumed;
    this.enter(token, head);
  }

  /** Writes the available entry. */
  private enter(token: AvailBufferToken, head: number): void {
    this.tokens[head] = token;
    this.live++;
    const idx = this.availIdx;
    this.memory.writeU16(this.availAt + AVAIL_RING + ((idx & this.mask) << 1), head);
    this.availIdx = (idx + 1) & 0xffff;
    if (this.inOrder) {
      this.order[this.orderWrite] = head;
      this.orderWrite = (this.orderWrite + 1) & this.mask;
    }
  }

  /** One descriptor, for the indirect table. */
  private putTable(token: AvailBufferToken): number {
    const memory = this.memory;
    const table = token.table!;
    const head = this.inOrder ? this.takeInOrder(1) : this.ids.allocate();
    const at = this.descAt + (head << 4);
    memory.writeU32(at, table.physLo);
    memory.writeU32(at + 4, table.physHi);
    memory.writeU32(at + 8, table.length);
    memory.writeU32(at + 12, F_INDIRECT);
    return head;
  }

  /** IN_ORDER: the next `n` descriptors of the table; the first of them. */
  private takeInOrder(n: number): number {
    const head = this.cursor;
    for (let i = 0; i < n; i++) {
      const index = (head + i) & this.mask;
      this.ids.take(index);
      this.chain[index] = (index + 1) & this.mask;
    }
    this.cursor = (head + n) & this.mask;
    return head;
  }

  /** IN_ORDER: descriptors in ring order, `next` is the following one (virtio 1.4, 2.7.5.2). */
  private putInOrder(token: AvailBufferToken): number {
    const memory = this.memory;
    const n = token.descriptors;
    const sends = token.sendBuff.length;
    const head = this.takeInOrder(n);
    for (let i = 0; i < n; i++) {
      const index = (head + i) & this.mask;
      const at = this.descAt + (index << 4);
      const readable = i < sends;
      const vec = (readable ? token.sendBuff[i] : token.recvBuff[i - sends]).vec;
      memory.writeU32(at, vec.physLo);
      memory.writeU32(at + 4, vec.physHi);
      memory.writeU32(at + 8, readable ? vec.len : vec.capacity);
      const link = i + 1 < n ? F_NEXT | (((index + 1) & this.mask) << 16) : 0;
      memory.writeU32(at + 12, (readable ? 0 : F_WRITE) | link);
    }
    return head;
  }

  /** Shows the device the last `n` entries (virtio 1.4, 2.7.13.3) and notifies it if it wants (2.7.13.4). */
  private publish(n: number): void {
    const memory = this.memory;
    writeBarrier(memory, this.orderPlatform);
    memory.writeU16(this.availAt + AVAIL_IDX, this.availIdx);
    generalBarrier(memory, this.orderPlatform);
    const wanted = this.eventIdx
      ? needEvent(memory.readU16(this.availEventAt), this.availIdx, (this.availIdx - n) & 0xffff)
      : (memory.readU16(this.usedAt + USED_FLAGS) & NO_NOTIFY) === 0;
    if (wanted) {
      this.notifications++;
      this.notifCtrl.notifyDev(this.index, this.availIdx);
    }
  }

  protected override receive(): UsedBufferToken | undefined {
    if ((this.special & SPECIAL_BATCH) !== 0) return this.nextOfBatch();
    const memory = this.memory;
    const at = this.readIdx;
    const idx = memory.readU16(this.usedAt + USED_IDX);
    if (idx === at) return undefined;
    // Behind the load of idx: what the entry says must not be read earlier (virtio 1.4, 2.7.14).
    readBarrier(memory, this.orderPlatform);
    const pending = (idx - at) & 0xffff;
    if (pending > this.size) throw this.jump(idx, pending);
    const entry = this.usedAt + USED_RING + ((at & this.mask) << 3);
    const id = memory.readU32(entry);
    const length = memory.readU32(entry + 4);
    this.readIdx = (at + 1) & 0xffff;
    const token = id < this.size ? this.tokens[id] : undefined;
    if (this.inOrder && token !== undefined) return this.startBatch(at, pending, id, length);
    if (this.eventIdx) this.moveUsedEvent();
    if (token === undefined) throw this.badId(id);
    return this.finish(token, id, length);
  }

  /** IN_ORDER: an entry for `id`, which is outstanding. */
  private startBatch(at: number, pending: number, id: number, length: number): UsedBufferToken {
    this.batchLeft = this.batchOf(id);
    this.batchLen = length;
    // A device that reports a batch but moves idx by one is taken at its word for both.
    this.readIdx = (at + Math.min(this.batchLeft, pending)) & 0xffff;
    this.special |= SPECIAL_BATCH;
    if (this.eventIdx) this.moveUsedEvent();
    return this.nextOfBatch();
  }

  private jump(idx: number, pending: number): VirtqDeviceError {
    const was = this.readIdx;
    this.readIdx = idx;
    if (this.eventIdx) this.moveUsedEvent();
    return new VirtqDeviceError(
      "UsedIndexJump",
      `${this.name}: used idx went from ${was} to ${idx}: ${pending} entries in a ring of ${this.size}`,
      idx,
    );
  }

  protected override releaseChain(head: number, token: AvailBufferToken): void {
    const ids = this.ids;
    const bits = ids.bits;
    const chain = this.chain;
    let word = head >>> 5;
    let mask = 1 << (head & 31);
    let lowest = word;
    let index = head;
    for (let n = token.consumed; n > 1; n--) {
      index = chain[index];
      if (index >>> 5 !== word) {
        bits[word] |= mask;
        word = index >>> 5;
        if (word < lowest) lowest = word;
        mask = 0;
      }
      mask |= 1 << (index & 31);
    }
    bits[word] |= mask;
    ids.free += token.consumed;
    if (lowest < ids.hint) ids.hint = lowest;
  }

  /**
   * EVENT_IDX: while interrupts are wanted, used_event follows the read position; otherwise it is kept where used idx
   * does not come by (virtio 1.4, 2.7.7.1).
   */
  private moveUsedEvent(): void {
    if (this.enabled || this.wanted !== 0) {
      this.memory.writeU16(this.usedEventAt, this.readIdx);
      generalBarrier(this.memory, this.orderPlatform);
    } else if ((this.readIdx & 0x3fff) === 0) {
      this.memory.writeU16(this.usedEventAt, (this.readIdx - 1) & 0xffff);
    }
  }

  /** Writes whether interrupts are wanted. With EVENT_IDX flags stays 0 (virtio 1.4, 2.7.7.1). */
  private writeNotif(): void {
    const on = this.enabled || this.wanted !== 0;
    if (this.eventIdx) {
      this.memory.writeU16(this.usedEventAt, on ? this.readIdx : (this.readIdx - 1) & 0xffff);
    } else {
      this.memory.writeU16(this.availAt + AVAIL_FLAGS, on ? 0 : NO_INTERRUPT);
    }
  }

  /** This ring cannot ask for one transfer: interrupts are on until it came back. */
  private want(token: AvailBufferToken): void {
    token.wantsNotif = true;
    if (++this.wanted === 1 && !this.enabled) this.writeNotif();
  }

  protected override settleNotif(_token: AvailBufferToken): void {
    if (this.wanted === 0 && !this.enabled) this.writeNotif();
  }

  override enableNotifs(): boolean {
    this.enabled = true;
    this.writeNotif();
    return this.recheck();
  }

  override disableNotifs(): void {
    this.enabled = false;
    this.writeNotif();
  }

  protected override ringHasUsed(): boolean {
    return this.memory.readU16(this.usedAt + USED_IDX) !== this.readIdx;
  }

  protected override room(): number {
    return this.ids.free;
  }

  protected override restartRing(): void {
    this.availIdx = this.readIdx = this.cursor = 0;
  }

  protected override indices(): Record<string, number> {
    return { avail: this.availIdx, read: this.readIdx };
  }

  override snapshot(): VirtqSnapshot {
    return this.snapshotOf("split");
  }

  /** The driver's own variables, as the golden traces list them. */
  debugState(): SplitDebugState {
    return {
      readIdx: this.readIdx,
      availIdx: this.availIdx,
      free: this.ids.list(),
      live: this.liveList(),
      hasUsedBuffers: this.hasUsedBuffers(),
    };
  }
}

/** {@link SplitVq.debugState}. */
export interface SplitDebugState {
  readIdx: number;
  availIdx: number;
  /** Free descriptors, lowest first. */
  free: number[];
  /** In flight by head index; `descriptors` in the ring. */
  live: { id: number; token: AvailBufferToken; descriptors: number }[];
  hasUsedBuffers: boolean;
}
