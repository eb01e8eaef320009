import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr, PackedDesc, PackedDescF, RingEventFlags } from "../../../../spec/virtio/packed.ts";
import { DescF } from "../../../../spec/virtio/split.ts";
import { Bench, type Buffer, le16, le32 } from "./bench.ts";

const { AVAIL, USED } = PackedDescF;

/** A packed ring by hand: what a right driver does, step by step, and what its device does. */
export class PackedHand {
  readonly desc: number;
  readonly driverEvent: number;
  readonly deviceEvent: number;
  readonly freeIds: number[];
  /** Descriptors of chains in flight, by id. */
  readonly chains = new Map<number, number>();
  next = 0;
  wrap = 1;
  usedNext = 0;
  usedWrap = 1;
  /** Descriptors since the last look whether the device wants to know. */
  fresh = 0;
  private deviceNext = 0;
  private deviceWrap = 1;

  constructor(readonly bench: Bench, readonly size = 8) {
    this.desc = bench.allocate(16 * size, "queue desc");
    this.driverEvent = bench.allocate(EventSuppr.SIZE, "queue driver");
    this.deviceEvent = bench.allocate(EventSuppr.SIZE, "queue device");
    this.freeIds = Array.from({ length: size }, (_, i) => i);
    bench.enableQueue(size, this.desc, this.driverEvent, this.deviceEvent);
    bench.setStatus(bench.live);
  }
  get memory() {
    return this.bench.memory;
  }
  at(slot: number): number {
    return this.desc + 16 * slot;
  }
  /** AVAIL and USED of a descriptor that is made available now. */
  get ownership(): number {
    return this.wrap === 1 ? AVAIL : USED;
  }
  body(slot: number, address: number, length: number, id: number): void {
    this.bench.write64(this.at(slot) + PackedDesc.ADDR, address);
    this.memory.writeU32(this.at(slot) + PackedDesc.LEN, length);
    this.memory.writeU16(this.at(slot) + PackedDesc.ID, id);
  }
  flags(slot: number, flags: number): void {
    this.memory.writeU16(this.at(slot) + PackedDesc.FLAGS, flags);
  }
  advance(): number {
    const slot = this.next;
    this.fresh++;
    if (++this.next === this.size) {
      this.next = 0;
      this.wrap ^= 1;
    }
    return slot;
  }
  /** Fills a list but for the flags of its first descriptor. */
  chain(buffers: readonly Buffer[]): { id: number; slot: number; flags: number } {
    const id = this.freeIds.shift()!;
    let head: { id: number; slot: number; flags: number } | undefined;
    buffers.forEach((b, i) => {
      const flags = this.ownership | (b.writable ? DescF.WRITE : 0) |
        (i + 1 < buffers.length ? DescF.NEXT : 0);
      const slot = this.advance();
      this.body(slot, b.address, b.length, id);
      if (i === 0) head = { id, slot, flags };
      else this.flags(slot, flags);
    });
    this.chains.set(id, buffers.length);
    return head!;
  }
  kick(): void {
    this.bench.barrier("general");
    if (this.wanted()) this.bench.notify();
  }
  wanted(): boolean {
    const { fresh } = this;
    this.fresh = 0;
    const flags = this.memory.readU16(this.deviceEvent + EventSuppr.FLAGS) & 3;
    if (flags !== RingEventFlags.DESC) return flags === RingEventFlags.ENABLE;
    const event = this.memory.readU16(this.deviceEvent + EventSuppr.DESC);
    const back = this.next - (event & 0x7fff) + (event >>> 15 === this.wrap ? 0 : this.size);
    return back > 0 && back <= fresh;
  }
  submit(...buffers: Buffer[]): number {
    const { id, slot, flags } = this.chain(buffers);
    this.bench.barrier("write");
    this.flags(slot, flags);
    this.kick();
    return id;
  }
  isUsed(): boolean {
    const flags = this.memory.readU16(this.at(this.usedNext) + PackedDesc.FLAGS);
    const bit = this.usedWrap === 1;
    return (flags & AVAIL) !== 0 === bit && (flags & USED) !== 0 === bit;
  }
  take(): [number, number] | undefined {
    if (!this.isUsed()) return undefined;
    this.bench.barrier("read");
    return this.takeDescriptor();
  }
  takeDescriptor(): [number, number] {
    const id = this.memory.readU16(this.at(this.usedNext) + PackedDesc.ID);
    const length = this.memory.readU32(this.at(this.usedNext) + PackedDesc.LEN);
    this.usedNext += this.chains.get(id) ?? 1;
    if (this.usedNext >= this.size) {
      this.usedNext -= this.size;
      this.usedWrap ^= 1;
    }
    this.chains.delete(id);
    this.freeIds.unshift(id);
    return [id, length];
  }

  /** The device gives a chain back; `skip` is how many descriptors it had. */
  use(id: number, length = 0, skip = this.chains.get(id) ?? 1): void {
    const at = this.at(this.deviceNext);
    this.bench.deviceWrites(at + PackedDesc.LEN, le32(length));
    this.bench.deviceWrites(at + PackedDesc.ID, le16(id));
    this.bench.deviceWrites(at + PackedDesc.FLAGS, le16(this.deviceWrap === 1 ? AVAIL | USED : 0));
    this.deviceNext += skip;
    if (this.deviceNext >= this.size) {
      this.deviceNext -= this.size;
      this.deviceWrap ^= 1;
    }
  }
  setDeviceEvent(flags: number, desc = 0): void {
    this.bench.deviceWrites(this.deviceEvent, [...le16(desc), ...le16(flags)]);
  }
  get eventIdx(): boolean {
    return this.bench.has(F.EVENT_IDX);
  }
}
