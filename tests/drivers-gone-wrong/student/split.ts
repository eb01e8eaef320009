import type { DeviceBuffer } from "../../../mm/device_alloc.ts";
import {
  Avail,
  AVAIL_F_NO_INTERRUPT,
  availSize,
  DESC_SIZE,
  DescF,
  needEvent,
  SplitDesc,
  Used as UsedRing,
  USED_F_NO_NOTIFY,
  usedSize,
} from "../../../spec/virtio/split.ts";
import { type Piece, Ring, type Used } from "./ring.ts";
import type { Areas } from "./transport.ts";

/** The split ring (virtio 1.4, 2.7). */
export class SplitRing extends Ring {
  override readonly kind = "split";
  declare desc: DeviceBuffer;
  declare avail: DeviceBuffer;
  declare usedRing: DeviceBuffer;
  /** Free descriptors; the next one to take is the last. */
  readonly freeList: number[] = [];
  /** The next available index, and as published and as notified. */
  availIdx = 0;
  shownIdx = 0;
  notifiedIdx = 0;
  /** The used index that was looked at. */
  usedIdx = 0;

  override allocate(): void {
    this.desc = this.allocatePart(DESC_SIZE * this.size, "desc");
    this.avail = this.allocatePart(availSize(this.size), "avail");
    this.usedRing = this.allocatePart(usedSize(this.size), "used");
    for (let i = this.size - 1; i >= 0; i--) this.freeList.push(i);
    this.clear();
    this.setInterrupts(this.driver.interruptsWanted);
  }
  clear(): void {
    this.memory.fill(this.desc.offset, DESC_SIZE * this.size, 0);
    this.memory.fill(this.avail.offset, availSize(this.size), 0);
    this.memory.fill(this.usedRing.offset, usedSize(this.size), 0);
  }
  override areas(): Areas {
    return {
      desc: this.deviceAddress(this.desc),
      driver: this.deviceAddress(this.avail),
      device: this.deviceAddress(this.usedRing),
    };
  }
  override release(): void {
    for (const part of [this.desc, this.avail, this.usedRing]) part.free();
    for (const { table } of this.flights.values()) table?.free();
    this.flights.clear();
  }

  override writeRaw(at: number, address: number, length: number, next: number, flags: number): void {
    this.write64(at + SplitDesc.ADDR, address);
    this.memory.writeU32(at + SplitDesc.LEN, length);
    this.memory.writeU16(at + SplitDesc.FLAGS, flags);
    this.memory.writeU16(at + SplitDesc.NEXT, next);
  }
  descriptorAt(index: number): number {
    return this.desc.offset + DESC_SIZE * index;
  }
  allocDescriptor(): number {
    return this.freeList.pop()!;
  }
  freeDescriptor(index: number): void {
    this.freeList.push(index);
  }

  override add(pieces: readonly Piece[]): number {
    const table = this.usesTable(pieces) ? this.writeTable(pieces) : undefined;
    const count = table === undefined ? pieces.length : 1;
    this.takeFree(count);
    const descriptors = Array.from({ length: count }, () => this.allocDescriptor());
    if (table === undefined) this.writeChain(descriptors, pieces);
    else {
      const whole = { buffer: table, length: this.tableLength(pieces), writable: false };
      this.writeDescriptor(this.descriptorAt(descriptors[0]), whole, whole.length, 0, this.tableFlags());
    }
    this.flights.set(descriptors[0], { pieces, descriptors, table });
    this.putEntry(descriptors[0]);
    this.pending++;
    return descriptors[0];
  }
  writeChain(descriptors: readonly number[], pieces: readonly Piece[]): void {
    pieces.forEach((piece, i) => {
      const more = i < pieces.length - 1;
      const next = more ? this.nextOf(descriptors, i) : 0;
      this.writeDescriptor(
        this.descriptorAt(descriptors[i]),
        piece,
        piece.length,
        next,
        this.flagsOf(piece, more),
      );
    });
  }
  nextOf(descriptors: readonly number[], i: number): number {
    return descriptors[i + 1];
  }
  tableLength(pieces: readonly Piece[]): number {
    return pieces.length * DESC_SIZE;
  }
  tableFlags(): number {
    return DescF.INDIRECT;
  }
  putEntry(head: number): void {
    this.memory.writeU16(this.entryAt(this.availIdx), head);
    this.availIdx = (this.availIdx + 1) & 0xffff;
  }
  entryAt(index: number): number {
    return this.avail.offset + Avail.RING + 2 * (index % this.size);
  }

  override publish(): void {
    this.barrierBeforePublish();
    this.showIndex();
    this.pending = 0;
  }
  showIndex(): void {
    this.memory.writeU16(this.avail.offset + Avail.IDX, this.availIdx);
    this.shownIdx = this.availIdx;
  }

  override wantsKick(): boolean {
    const from = this.notifiedIdx;
    this.notifiedIdx = this.availIdx;
    if (!this.eventIdx) return (this.usedFlags() & USED_F_NO_NOTIFY) === 0;
    return needEvent(this.availEvent(), this.availIdx, from);
  }
  usedFlags(): number {
    return this.memory.readU16(this.usedRing.offset + UsedRing.FLAGS);
  }
  availEvent(): number {
    return this.memory.readU16(this.usedRing.offset + UsedRing.RING + UsedRing.ELEM_SIZE * this.size);
  }
  /** The next available index (virtio 1.4, 2.7.23). */
  override kickData(): number {
    return this.availIdx;
  }

  override hasUsed(): boolean {
    return this.readUsedIndex() !== this.usedIdx;
  }
  readUsedIndex(): number {
    return this.memory.readU16(this.usedRing.offset + UsedRing.IDX);
  }
  override take(): Used {
    this.barrierAfterUsed();
    const at = this.usedAt(this.usedIdx);
    const id = this.memory.readU32(at);
    const written = this.memory.readU32(at + 4);
    this.usedIdx = (this.usedIdx + 1) & 0xffff;
    this.moveEvent();
    const { pieces, descriptors } = this.land(id);
    for (const index of [...descriptors].reverse()) this.freeDescriptor(index);
    return { pieces, written };
  }
  usedAt(index: number): number {
    return this.usedRing.offset + UsedRing.RING + UsedRing.ELEM_SIZE * (index % this.size);
  }
  /** With EVENT_IDX the next interrupt has to be asked for again. */
  moveEvent(): void {
    if (this.eventIdx && this.driver.interruptsWanted) {
      this.setInterrupts(true);
      this.barrierBeforeKick();
    }
  }

  override setInterrupts(wanted: boolean): void {
    if (!this.eventIdx) {
      this.memory.writeU16(this.avail.offset + Avail.FLAGS, wanted ? 0 : AVAIL_F_NO_INTERRUPT);
    } else this.writeUsedEvent(wanted ? this.usedIdx : (this.usedIdx - 1) & 0xffff);
  }
  writeUsedEvent(index: number): void {
    this.memory.writeU16(this.avail.offset + Avail.RING + 2 * this.size, index);
  }
}
