import type { DeviceBuffer } from "../../../mm/device_alloc.ts";
import { EventSuppr, PackedDesc, PackedDescF, RingEventFlags } from "../../../spec/virtio/packed.ts";
import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import { type Piece, Ring, type Used } from "./ring.ts";
import type { Areas } from "./transport.ts";

/** The packed ring (virtio 1.4, 2.8). */
export class PackedRing extends Ring {
  override readonly kind = "packed";
  declare desc: DeviceBuffer;
  declare driverEvent: DeviceBuffer;
  declare deviceEvent: DeviceBuffer;
  readonly freeIds: number[] = [];
  /** The next descriptor to write, with the wrap counter. */
  next = 0;
  wrap = 1;
  /** The next descriptor to look at for a used chain. */
  usedNext = 0;
  usedWrap = 1;
  /** Where the chains begin that are not published yet: the flags that are written last. */
  held: { at: number; flags: number } | undefined;
  /** Descriptors published since the device was asked whether it wants to know, and whether that went round. */
  fresh = 0;

  override allocate(): void {
    this.desc = this.allocatePart(DESC_SIZE * this.size, "desc");
    this.driverEvent = this.allocatePart(EventSuppr.SIZE, "driver event");
    this.deviceEvent = this.allocatePart(EventSuppr.SIZE, "device event");
    for (let i = this.size - 1; i >= 0; i--) this.freeIds.push(i);
    this.clear();
    this.setInterrupts(this.driver.interruptsWanted);
  }
  clear(): void {
    this.memory.fill(this.desc.offset, DESC_SIZE * this.size, 0);
    this.memory.fill(this.driverEvent.offset, EventSuppr.SIZE, 0);
    this.memory.fill(this.deviceEvent.offset, EventSuppr.SIZE, 0);
  }
  override areas(): Areas {
    return {
      desc: this.deviceAddress(this.desc),
      driver: this.deviceAddress(this.driverEvent),
      device: this.deviceAddress(this.deviceEvent),
    };
  }
  override release(): void {
    for (const part of [this.desc, this.driverEvent, this.deviceEvent]) part.free();
    for (const { table } of this.flights.values()) table?.free();
    this.flights.clear();
  }

  /** All but the flags of a descriptor that is not in a table: those make it available. */
  override writeRaw(at: number, address: number, length: number, id: number, flags: number): void {
    this.write64(at + PackedDesc.ADDR, address);
    this.memory.writeU32(at + PackedDesc.LEN, length);
    this.memory.writeU16(at + PackedDesc.ID, id);
    this.writeFlags(at, flags);
  }
  writeFlags(at: number, flags: number): void {
    this.memory.writeU16(at + PackedDesc.FLAGS, flags);
  }
  descriptorAt(index: number): number {
    return this.desc.offset + DESC_SIZE * index;
  }
  allocId(): number {
    return this.freeIds.pop()!;
  }
  freeId(id: number): void {
    this.freeIds.push(id);
  }

  override add(pieces: readonly Piece[]): number {
    const table = this.usesTable(pieces) ? this.writeTable(pieces) : undefined;
    const list: readonly Piece[] = table === undefined
      ? pieces
      : [{ buffer: table, length: this.tableLength(pieces), writable: false }];
    this.takeFree(list.length);
    const id = this.allocId();
    const descriptors: number[] = [];
    list.forEach((piece, i) => {
      const more = i < list.length - 1;
      const flags = (table === undefined ? this.flagsOf(piece, more) : DescF.INDIRECT) | this.ownership();
      const at = this.descriptorAt(this.next);
      descriptors.push(this.next);
      this.write64(at + PackedDesc.ADDR, this.pieceAddress(piece));
      this.memory.writeU32(at + PackedDesc.LEN, piece.length);
      this.memory.writeU16(at + PackedDesc.ID, this.idOf(id, more));
      // The flags of the first descriptor of all that is published together come last.
      if (this.held === undefined) this.hold(at, flags);
      else this.writeFlags(at, flags);
      this.advance();
    });
    this.flights.set(id, { pieces, descriptors, table });
    this.fresh += list.length;
    this.pending++;
    return id;
  }
  hold(at: number, flags: number): void {
    this.held = { at, flags };
  }
  idOf(id: number, _more: boolean): number {
    return id;
  }
  tableLength(pieces: readonly Piece[]): number {
    return pieces.length * DESC_SIZE;
  }
  /** AVAIL as the wrap counter, USED its opposite (virtio 1.4, 2.8.1). */
  ownership(): number {
    return this.wrap === 1 ? PackedDescF.AVAIL : PackedDescF.USED;
  }
  advance(): void {
    if (++this.next < this.size) return;
    this.next = 0;
    this.wrap ^= 1;
  }

  override publish(): void {
    const { held } = this;
    if (held === undefined) return;
    this.barrierBeforePublish();
    this.writeFlags(held.at, held.flags);
    this.held = undefined;
    this.pending = 0;
  }

  override wantsKick(): boolean {
    const { fresh } = this;
    this.fresh = 0;
    const flags = this.memory.readU16(this.deviceEvent.offset + EventSuppr.FLAGS) & 3;
    if (flags !== RingEventFlags.DESC) return flags === RingEventFlags.ENABLE;
    const event = this.memory.readU16(this.deviceEvent.offset + EventSuppr.DESC);
    return this.passed(event & 0x7fff, event >>> 15, fresh);
  }
  /** Whether one of the last `fresh` descriptors is the one at `offset`. */
  passed(offset: number, wrap: number, fresh: number): boolean {
    const distance = wrap === this.wrap ? this.next - offset : this.next + this.size - offset;
    return distance > 0 && distance <= fresh;
  }
  /** Offset of the next descriptor, and its wrap counter in bit 15 (virtio 1.4, 2.8.17). */
  override kickData(): number {
    return this.next | this.wrap << 15;
  }

  override hasUsed(): boolean {
    if (this.flights.size === 0) return false;
    return this.isUsed(this.memory.readU16(this.descriptorAt(this.usedNext) + PackedDesc.FLAGS));
  }
  isUsed(flags: number): boolean {
    const avail = (flags & PackedDescF.AVAIL) !== 0, used = (flags & PackedDescF.USED) !== 0;
    return avail === used && used === (this.usedWrap === 1);
  }
  override take(): Used {
    this.barrierAfterUsed();
    const at = this.descriptorAt(this.usedNext);
    const id = this.memory.readU16(at + PackedDesc.ID);
    const written = this.memory.readU32(at + PackedDesc.LEN);
    const { pieces, descriptors } = this.land(id);
    this.freeId(id);
    this.skip(descriptors.length);
    this.moveEvent();
    return { pieces, written };
  }
  skip(count: number): void {
    this.usedNext += count;
    if (this.usedNext < this.size) return;
    this.usedNext -= this.size;
    this.usedWrap ^= 1;
  }
  /** With EVENT_IDX the next interrupt has to be asked for again. */
  moveEvent(): void {
    if (this.eventIdx && this.driver.interruptsWanted) {
      this.setInterrupts(true);
      this.barrierBeforeKick();
    }
  }

  override setInterrupts(wanted: boolean): void {
    const { memory } = this;
    if (wanted && this.eventIdx) {
      memory.writeU16(this.driverEvent.offset + EventSuppr.DESC, this.usedNext | this.usedWrap << 15);
      this.barrierBeforePublish();
    }
    const on = this.eventIdx ? RingEventFlags.DESC : RingEventFlags.ENABLE;
    this.writeEventFlags(wanted ? on : RingEventFlags.DISABLE);
  }
  writeEventFlags(flags: number): void {
    this.memory.writeU16(this.driverEvent.offset + EventSuppr.FLAGS, flags);
  }
}
