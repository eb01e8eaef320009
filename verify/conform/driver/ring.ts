import { PackedDescF } from "../../../spec/virtio/packed.ts";
import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import { Area, type Front, type QueueSetUp } from "./front.ts";

const DRIVER_AREA = 0x5000, DEVICE_AREA = 0x8000;

/** A descriptor as it is written, right or wrong. */
export interface Desc {
  /** Default: buffer 0. */
  readonly addr?: number | bigint;
  /** Default: 64. */
  readonly len?: number;
  readonly flags?: number;
  /** Split: the next descriptor. Packed: the id. */
  readonly next?: number;
}

/** A used entry; `flags` on the packed ring. */
export interface UsedEntry {
  readonly id: number;
  readonly len: number;
  readonly flags?: number;
}

export const W = DescF.WRITE, N = DescF.NEXT, I = DescF.INDIRECT;

/** Address of buffer n: 4 KiB apart. */
export const buffer = (n: number): number => Area.BUFFERS + n * 0x1000;
/** Address of indirect table n: 8 KiB apart, room for 512 descriptors. */
export const tableAt = (n: number): number => Area.TABLES + n * 0x2000;

/** The driver's side of one queue, of either ring. */
export class Ring implements QueueSetUp {
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
  /** Split: the next avail.idx. */
  availIdx = 0;
  /** Packed: the next slot to write and to read, with their wrap counters. */
  slot = 0;
  wrap = 1;
  private usedIdx = 0;
  private usedWrap = 1;
  /** Packed: descriptors of the chain with this id, to skip when it is used. */
  private readonly lengths = new Map<number, number>();

  constructor(
    readonly front: Front,
    readonly packed: boolean,
    readonly index: number,
    readonly size: number,
    at: { desc?: number; driver?: number; device?: number } = {},
  ) {
    const base = Area.QUEUES + index * Area.QUEUE_STRIDE;
    this.desc = at.desc ?? base;
    this.driver = at.driver ?? base + DRIVER_AREA;
    this.device = at.device ?? base + DEVICE_AREA;
  }

  /** Writes one descriptor at an address. */
  put(at: number, d: Desc): void {
    const m = this.front.memory;
    m.setBigUint64(at, BigInt(d.addr ?? buffer(0)), true);
    m.setUint32(at + 8, d.len ?? 64, true);
    m.setUint16(at + (this.packed ? 14 : 12), d.flags ?? 0, true);
    m.setUint16(at + (this.packed ? 12 : 14), d.next ?? 0, true);
  }
  /** Makes a chain available in the ring's own way: split from descriptor `head` on, packed at the next slots with that id. */
  chain(list: readonly Desc[], head = 0): this {
    for (const [i, d] of list.entries()) {
      const more = i === list.length - 1 ? 0 : N;
      if (this.packed) this.putPacked({ next: head, ...d, flags: (d.flags ?? 0) | more });
      else {
        const at = (head + i) % this.size;
        this.put(this.desc + at * DESC_SIZE, {
          next: (at + 1) % this.size,
          ...d,
          flags: (d.flags ?? 0) | more,
        });
      }
    }
    this.lengths.set(head, list.length);
    if (!this.packed) this.publish(head);
    return this;
  }
  /** Packed: writes the next slot with the bits that make it available. */
  putPacked(d: Desc): void {
    const owner = this.wrap === 1 ? PackedDescF.AVAIL : PackedDescF.USED;
    this.put(this.desc + this.slot * DESC_SIZE, { ...d, flags: (d.flags ?? 0) | owner });
    if (++this.slot === this.size) {
      this.slot = 0;
      this.wrap ^= 1;
    }
  }
  /** Split: puts a head into the available ring and shows it. */
  publish(head: number): void {
    const m = this.front.memory;
    m.setUint16(this.driver + 4 + 2 * (this.availIdx % this.size), head, true);
    this.availIdx = (this.availIdx + 1) & 0xffff;
    this.showIdx(this.availIdx);
  }
  /** Split: avail.idx, whatever the ring has. */
  showIdx(idx: number): void {
    this.front.memory.setUint16(this.driver + 2, idx, true);
  }
  /** An indirect table; answers the descriptor that points to it. */
  table(list: readonly Desc[], n = 0): Desc {
    list.forEach((d, i) => {
      const more = !this.packed && i < list.length - 1 ? N : 0;
      this.put(tableAt(n) + i * DESC_SIZE, {
        next: more === 0 ? 0 : i + 1,
        ...d,
        flags: (d.flags ?? 0) | more,
      });
    });
    return { addr: tableAt(n), len: list.length * DESC_SIZE, flags: I };
  }

  /** Which interrupts are wanted. Split: avail.flags; packed: the flags of the driver's event structure. */
  setInterrupts(flags: number): void {
    this.front.memory.setUint16(this.driver + (this.packed ? 2 : 0), flags, true);
  }
  /** At which entry an interrupt is wanted. Split: used_event; packed: offset and wrap bit. */
  setEvent(event: number): void {
    this.front.memory.setUint16(this.driver + (this.packed ? 0 : 4 + 2 * this.size), event, true);
  }
  /** What the device wrote of its wishes. Split: flags and avail_event; packed: desc and flags. */
  get suppression(): readonly [number, number] {
    const m = this.front.memory;
    return this.packed
      ? [m.getUint16(this.device, true), m.getUint16(this.device + 2, true)]
      : [m.getUint16(this.device, true), m.getUint16(this.device + 4 + 8 * this.size, true)];
  }

  /** Used entries since the last call. A device that goes wild is cut off after twice the ring. */
  takeUsed(): UsedEntry[] {
    const found: UsedEntry[] = [];
    for (let e = this.next(); e !== undefined && found.length < 2 * this.size; e = this.next()) found.push(e);
    return found;
  }
  private next(): UsedEntry | undefined {
    const m = this.front.memory;
    if (!this.packed) {
      if (m.getUint16(this.device + 2, true) === this.usedIdx) return undefined;
      const at = this.device + 4 + 8 * (this.usedIdx % this.size);
      this.usedIdx = (this.usedIdx + 1) & 0xffff;
      return { id: m.getUint32(at, true), len: m.getUint32(at + 4, true) };
    }
    const at = this.desc + this.usedIdx * DESC_SIZE;
    const flags = m.getUint16(at + 14, true);
    const owner = PackedDescF.AVAIL | PackedDescF.USED;
    if ((flags & owner) !== (this.usedWrap === 1 ? owner : 0)) return undefined;
    const id = m.getUint16(at + 12, true);
    this.usedIdx += this.lengths.get(id) ?? 1;
    if (this.usedIdx >= this.size) {
      this.usedIdx -= this.size;
      this.usedWrap ^= 1;
    }
    return { id, len: m.getUint32(at + 8, true), flags };
  }
}
