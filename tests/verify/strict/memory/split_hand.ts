import { F } from "../../../../spec/virtio/features.ts";
import {
  Avail,
  availSize,
  DescF,
  needEvent,
  SplitDesc,
  Used,
  usedSize,
} from "../../../../spec/virtio/split.ts";
import { Bench, type Buffer, le16, le32 } from "./bench.ts";

/** A split ring by hand: what a right driver does, step by step, and what its device does. */
export class SplitHand {
  readonly desc: number;
  readonly avail: number;
  readonly used: number;
  readonly free: number[];
  readonly chains = new Map<number, number[]>();
  availIdx = 0;
  toldIdx = 0;
  usedIdx = 0;
  /** The device's own used index. */
  deviceIdx = 0;

  constructor(readonly bench: Bench, readonly size = 8, enable = true) {
    this.desc = bench.allocate(16 * size, "queue desc");
    this.avail = bench.allocate(availSize(size), "queue driver");
    this.used = bench.allocate(usedSize(size), "queue device");
    this.free = Array.from({ length: size }, (_, i) => i);
    if (!enable) return;
    this.enable();
    bench.setStatus(bench.live);
  }
  enable(): void {
    this.bench.enableQueue(this.size, this.desc, this.avail, this.used);
  }
  get memory() {
    return this.bench.memory;
  }
  get eventIdx(): boolean {
    return this.bench.has(F.EVENT_IDX);
  }

  descriptor(index: number, address: number, length: number, flags: number, next = 0): void {
    const at = this.desc + 16 * index;
    this.bench.write64(at + SplitDesc.ADDR, address);
    this.memory.writeU32(at + SplitDesc.LEN, length);
    this.memory.writeU16(at + SplitDesc.FLAGS, flags);
    this.memory.writeU16(at + SplitDesc.NEXT, next);
  }
  /** Fills a chain of these buffers; its head. */
  chain(buffers: readonly Buffer[]): number {
    const indices = buffers.map(() => this.free.shift()!);
    buffers.forEach((b, i) => {
      const more = i + 1 < buffers.length;
      const flags = (b.writable ? DescF.WRITE : 0) | (more ? DescF.NEXT : 0);
      this.descriptor(indices[i], b.address, b.length, flags, more ? indices[i + 1] : 0);
    });
    this.chains.set(indices[0], indices);
    return indices[0];
  }
  entry(head: number): void {
    this.memory.writeU16(this.avail + Avail.RING + 2 * (this.availIdx % this.size), head);
    this.availIdx = (this.availIdx + 1) & 0xffff;
  }
  index(): void {
    this.memory.writeU16(this.avail + Avail.IDX, this.availIdx);
  }
  /** The full barrier, the look, and the notification if the device wants it. */
  kick(): void {
    this.bench.barrier("general");
    if (this.wanted()) this.bench.notify();
  }
  wanted(): boolean {
    const old = this.toldIdx;
    this.toldIdx = this.availIdx;
    if (!this.eventIdx) return (this.memory.readU16(this.used + Used.FLAGS) & 1) === 0;
    return needEvent(this.memory.readU16(this.availEventAt), this.availIdx, old);
  }
  get availEventAt(): number {
    return this.used + Used.RING + 8 * this.size;
  }
  get usedEventAt(): number {
    return this.avail + Avail.RING + 2 * this.size;
  }
  publish(): void {
    this.bench.barrier("write");
    this.index();
    this.kick();
  }
  submit(...buffers: Buffer[]): number {
    const head = this.chain(buffers);
    this.entry(head);
    this.publish();
    return head;
  }
  /** Takes what came back, if anything did: id and length. */
  take(): [number, number] | undefined {
    if (this.memory.readU16(this.used + Used.IDX) === this.usedIdx) return undefined;
    this.bench.barrier("read");
    return this.takeEntry();
  }
  takeEntry(): [number, number] {
    const at = this.used + Used.RING + 8 * (this.usedIdx % this.size);
    const id = this.memory.readU32(at);
    const length = this.memory.readU32(at + 4);
    this.usedIdx = (this.usedIdx + 1) & 0xffff;
    this.free.unshift(...this.chains.get(id) ?? []);
    this.chains.delete(id);
    return [id, length];
  }

  /** The device gives a chain back. */
  use(id: number, length = 0): void {
    const { bench } = this;
    bench.deviceWrites(this.used + Used.RING + 8 * (this.deviceIdx % this.size), [
      ...le32(id),
      ...le32(length),
    ]);
    this.deviceIdx = (this.deviceIdx + 1) & 0xffff;
    bench.deviceWrites(this.used + Used.IDX, le16(this.deviceIdx));
  }
  setUsedFlags(flags: number): void {
    this.bench.deviceWrites(this.used + Used.FLAGS, le16(flags));
  }
  setAvailEvent(index: number): void {
    this.bench.deviceWrites(this.availEventAt, le16(index));
  }
}
