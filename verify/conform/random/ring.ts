import {
  Avail,
  DESC_SIZE,
  DescF,
  EventSuppr,
  PackedDesc,
  PackedDescF,
  SplitDesc,
} from "../../../spec/mod.ts";
import { availSize, usedSize } from "../../../spec/mod.ts";
import type { Desc, Step } from "./program.ts";

/** Writes guest memory: the world's, and the copy that shows what a device changed. */
export interface RamWriter {
  bytes(at: number, bytes: Uint8Array): void;
  u16(at: number, value: number): void;
  u32(at: number, value: number): void;
  fill(at: number, length: number): void;
}

type RingStep = Extract<Step, { op: "ring" }>;

/**
 * The driver's half of a ring as a program drives it: it goes on whether or not the device does, so that one program
 * does the same on every device.
 */
export class DriverRing {
  /** Split: free-running index of the next entry. */
  private idx = 0;
  /** Split: next descriptor to use. Packed: next slot. */
  private slot = 0;
  private wrap = 1;
  /** Packed: flags of heads that {@link publish} writes. */
  private held: { at: number; flags: number }[] = [];

  constructor(readonly setup: RingStep, private readonly ram: RamWriter) {
    const { packed, size, desc, driver, device } = setup;
    ram.fill(desc, DESC_SIZE * size);
    ram.fill(driver, packed ? EventSuppr.SIZE : availSize(size));
    ram.fill(device, packed ? EventSuppr.SIZE : usedSize(size));
  }

  chain(step: Extract<Step, { op: "chain" }>): void {
    if (this.setup.packed) this.packedChain(step);
    else this.splitChain(step);
  }
  publish(jump: number): void {
    if (!this.setup.packed) {
      this.ram.u16(this.setup.driver + Avail.IDX, (this.idx + jump) & 0xffff);
      return;
    }
    // The last head first: a device that looks in between sees nothing of what follows.
    for (const { at, flags } of this.held.reverse()) this.ram.u16(at + PackedDesc.FLAGS, flags);
    this.held = [];
  }
  suppress(step: Extract<Step, { op: "suppress" }>): void {
    const { driver, packed, size } = this.setup;
    if (packed) {
      if (step.event !== undefined) {
        const at = this.slot + step.event;
        const round = Math.floor(at / size) & 1;
        const slot = ((at % size) + size) % size;
        this.ram.u16(driver + EventSuppr.DESC, (slot & 0x7fff) | ((this.wrap ^ round) << 15));
      }
      if (step.flags !== undefined) this.ram.u16(driver + EventSuppr.FLAGS, step.flags & 0xffff);
      return;
    }
    if (step.flags !== undefined) this.ram.u16(driver + Avail.FLAGS, step.flags & 0xffff);
    if (step.event !== undefined) {
      this.ram.u16(driver + Avail.RING + 2 * size, (this.idx + step.event) & 0xffff);
    }
  }

  private splitChain({ d, head }: Extract<Step, { op: "chain" }>): void {
    const { size, desc, driver } = this.setup;
    const first = this.slot;
    d.forEach((each, i) => {
      const slot = this.slot;
      this.slot = (slot + 1) % size;
      const flags = (i + 1 < d.length ? DescF.NEXT : 0) ^ (each.f ?? 0);
      this.splitDesc(desc + slot * DESC_SIZE, each, flags, each.x ?? this.slot);
      if (each.t !== undefined) this.table(each.a, each.t, false);
    });
    this.ram.u16(driver + Avail.RING + 2 * (this.idx % size), (head ?? first) & 0xffff);
    this.idx = (this.idx + 1) & 0xffff;
  }
  private packedChain({ d, id, stale }: Extract<Step, { op: "chain" }>): void {
    const { size, desc } = this.setup;
    const buffer = id ?? this.slot;
    d.forEach((each, i) => {
      const at = desc + this.slot * DESC_SIZE;
      const wrap = this.wrap ^ (stale ? 1 : 0);
      const own = wrap ? PackedDescF.AVAIL : PackedDescF.USED;
      const flags = ((i + 1 < d.length ? DescF.NEXT : 0) ^ (each.f ?? 0)) ^ own;
      this.packedDesc(at, each, each.x ?? buffer);
      if (i === 0) this.held.push({ at, flags });
      else this.ram.u16(at + PackedDesc.FLAGS, flags);
      if (each.t !== undefined) this.table(each.a, each.t, true);
      if (++this.slot === size) {
        this.slot = 0;
        this.wrap ^= 1;
      }
    });
  }
  private table(at: number, table: Desc[], packed: boolean): void {
    table.forEach((each, i) => {
      const here = at + i * DESC_SIZE;
      if (packed) {
        this.packedDesc(here, each, each.x ?? 0);
        this.ram.u16(here + PackedDesc.FLAGS, each.f ?? 0);
      } else {
        const flags = (i + 1 < table.length ? DescF.NEXT : 0) ^ (each.f ?? 0);
        this.splitDesc(here, each, flags, each.x ?? i + 1);
      }
    });
  }
  private splitDesc(at: number, d: Desc, flags: number, next: number): void {
    this.address(at, d);
    this.ram.u16(at + SplitDesc.FLAGS, flags & 0xffff);
    this.ram.u16(at + SplitDesc.NEXT, next & 0xffff);
  }
  private packedDesc(at: number, d: Desc, id: number): void {
    this.address(at, d);
    this.ram.u16(at + PackedDesc.ID, id & 0xffff);
  }
  private address(at: number, d: Desc): void {
    this.ram.u32(at, d.a >>> 0);
    this.ram.u32(at + 4, Math.floor(d.a / 2 ** 32) >>> 0);
    this.ram.u32(at + SplitDesc.LEN, d.n >>> 0);
  }
}
