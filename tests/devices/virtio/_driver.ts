/** A driver as small as can be, to test the device's side: it writes descriptors where it is told, right or wrong. */
import { GuestMemory } from "../../../devices/guest_memory.ts";
import { createDeviceQueue, type DeviceQueue } from "../../../devices/virtio/queue.ts";
import { NO_TRACE, type TraceSink } from "../../../spec/mod.ts";

export const DESC = 0x10000, DRIVER = 0x90000, DEVICE = 0xb0000, BUFFERS = 0x100000, TABLES = 0x180000;
export const NEXT = 1, WRITE = 2, INDIRECT = 4;
export type Desc = { addr?: number; hi?: number; len?: number; flags?: number; next?: number };

export interface Setup {
  packed: boolean;
  size: number;
  eventIdx?: boolean;
  inOrder?: boolean;
  trace?: TraceSink;
  maxSize?: number;
  base?: number;
}

export class RawDriver {
  readonly memory: GuestMemory;
  readonly queue: DeviceQueue;
  /** Guest-physical address of the memory's first byte. */
  readonly base: number;
  availIdx = 0;
  /** Packed: the next slot to write, and its wrap counter; and the same for reading. */
  slot = 0;
  wrap = 1;
  usedSlot = 0;
  usedWrap = 1;
  usedIdx = 0;

  constructor(readonly setup: Setup) {
    this.base = setup.base ?? 0;
    this.memory = new GuestMemory(
      [{ base: this.base, bytes: new Uint8Array(0x200000) }],
      setup.trace ?? NO_TRACE,
    );
    this.queue = createDeviceQueue(this.memory, {
      size: setup.size,
      desc: this.base + DESC,
      driver: this.base + DRIVER,
      device: this.base + DEVICE,
      packed: setup.packed,
      eventIdx: setup.eventIdx ?? false,
      indirect: true,
      inOrder: setup.inOrder ?? false,
      name: "test queue 0",
      maxSize: setup.maxSize,
    });
  }
  get(at: number, width: 2 | 4 = 2): number {
    return width === 2 ? this.memory.readU16(this.base + at) : this.memory.readU32(this.base + at);
  }
  put(at: number, value: number, width: 2 | 4 = 2): void {
    if (width === 2) this.memory.writeU16(this.base + at, value);
    else this.memory.writeU32(this.base + at, value);
  }
  /** Writes a descriptor: split `flags, next`, packed `id, flags`. */
  desc(at: number, d: Desc): void {
    const addr = d.addr ?? this.base + BUFFERS;
    this.put(at, addr >>> 0, 4);
    this.put(at + 4, d.hi ?? Math.floor(addr / 2 ** 32), 4);
    this.put(at + 8, d.len ?? 64, 4);
    this.put(at + (this.setup.packed ? 14 : 12), d.flags ?? 0);
    this.put(at + (this.setup.packed ? 12 : 14), d.next ?? 0);
  }
  /** Makes descriptors available in both rings' own way: split from `head` on, packed at the next slots, with id `head`. */
  chain(list: Desc[], head = 0): void {
    const { packed, size } = this.setup;
    if (!packed) {
      list.forEach((d, i) => {
        const last = i === list.length - 1;
        const at = (head + i) % size;
        this.desc(DESC + at * 16, {
          next: (at + 1) % size,
          ...d,
          flags: (d.flags ?? 0) | (last ? 0 : NEXT),
        });
      });
      this.publish(head);
      return;
    }
    for (const [i, d] of list.entries()) {
      const last = i === list.length - 1;
      const owner = this.wrap === 1 ? 0x80 : 0x8000;
      this.desc(DESC + this.slot * 16, {
        next: head,
        ...d,
        flags: (d.flags ?? 0) | (last ? 0 : NEXT) | owner,
      });
      if (++this.slot === size) {
        this.slot = 0;
        this.wrap ^= 1;
      }
    }
  }
  /** Split: puts a head into the available ring. */
  publish(head: number): void {
    this.put(DRIVER + 4 + 2 * (this.availIdx % this.setup.size), head);
    this.availIdx = (this.availIdx + 1) & 0xffff;
    this.put(DRIVER + 2, this.availIdx);
  }
  /** An indirect table at TABLES + n * 4096; gives the descriptor that points to it. */
  table(list: Desc[], n = 0): Desc {
    const at = TABLES + n * 0x1000;
    list.forEach((d, i) => {
      const next = !this.setup.packed && i < list.length - 1 ? NEXT : 0;
      this.desc(at + i * 16, { next: next === 0 ? 0 : i + 1, ...d, flags: (d.flags ?? 0) | next });
    });
    return { addr: this.base + at, len: list.length * 16, flags: INDIRECT };
  }
  /** The next used entry, or undefined. `descriptors`: how many the packed ring is to skip. */
  used(descriptors = 1): { id: number; len: number; flags?: number } | undefined {
    if (!this.setup.packed) {
      if (this.get(DEVICE + 2) === this.usedIdx) return undefined;
      const at = DEVICE + 4 + 8 * (this.usedIdx % this.setup.size);
      this.usedIdx = (this.usedIdx + 1) & 0xffff;
      return { id: this.get(at, 4), len: this.get(at + 4, 4) };
    }
    const at = DESC + this.usedSlot * 16;
    const flags = this.get(at + 14);
    if ((flags & 0x8080) !== (this.usedWrap === 1 ? 0x8080 : 0)) return undefined;
    this.usedSlot += descriptors;
    if (this.usedSlot >= this.setup.size) {
      this.usedSlot -= this.setup.size;
      this.usedWrap ^= 1;
    }
    return { id: this.get(at + 12), len: this.get(at + 8, 4), flags };
  }
}
