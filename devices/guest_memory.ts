import { NO_TRACE, type TraceSink } from "../spec/trace.ts";

/** A stretch of guest memory as a device sees it. */
export interface GuestRegion {
  /** Guest-physical address of the first byte. */
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBufferLike>;
}

/**
 * Guest memory as device models see it: regions, nothing of the simulator. Any address may come from a bad driver, so
 * each access finds its region or is refused: a read outside answers zeros, a write outside is dropped, as DMA to nowhere
 * does in QEMU; `covers` tells beforehand.
 */
export class GuestMemory {
  declare readonly regions: readonly GuestRegion[];
  declare private readonly view: DataView;
  declare private readonly base: number;
  declare private readonly length: number;
  declare private readonly views: DataView[];

  constructor(regions: readonly GuestRegion[], readonly trace: TraceSink = NO_TRACE) {
    this.regions = regions;
    this.views = regions.map((r) => new DataView(r.bytes.buffer, r.bytes.byteOffset, r.bytes.byteLength));
    this.base = regions[0].base;
    this.length = regions[0].bytes.length;
    this.view = this.views[0];
  }

  /** Whether [address, address + length) lies in one region. */
  covers(address: number, length: number): boolean {
    return this.regionOf(address, length) >= 0;
  }
  readU8(address: number): number {
    const at = this.find(address, 1);
    return at < 0 ? 0 : this.current.getUint8(at);
  }
  readU16(address: number): number {
    const at = this.find(address, 2);
    return at < 0 ? 0 : this.current.getUint16(at, true);
  }
  readU32(address: number): number {
    const at = this.find(address, 4);
    return at < 0 ? 0 : this.current.getUint32(at, true);
  }
  writeU16(address: number, value: number): void {
    const at = this.find(address, 2);
    if (at >= 0) this.current.setUint16(at, value, true);
    if (this.trace.on) this.traceWrite(address, [value & 0xff, (value >> 8) & 0xff]);
  }
  writeU32(address: number, value: number): void {
    const at = this.find(address, 4);
    if (at >= 0) this.current.setUint32(at, value, true);
    if (this.trace.on) this.traceWrite(address, [0, 8, 16, 24].map((s) => (value >>> s) & 0xff));
  }
  /** Copies guest memory into `target`; bytes outside RAM read as zero. */
  readBytes(address: number, target: Uint8Array): void {
    const i = this.regionOf(address, target.length);
    if (i < 0) {
      target.fill(0);
      return;
    }
    const { base, bytes } = this.regions[i];
    target.set(bytes.subarray(address - base, address - base + target.length));
  }
  /** Copies `source` into guest memory; bytes outside RAM are dropped. */
  writeBytes(address: number, source: Uint8Array): void {
    const i = this.regionOf(address, source.length);
    if (i < 0) return;
    this.regions[i].bytes.set(source, address - this.regions[i].base);
    if (this.trace.on) this.traceWrite(address, source);
  }

  declare private current: DataView;
  private find(address: number, length: number): number {
    const at = address - this.base;
    if (at >= 0 && at + length <= this.length) {
      this.current = this.view;
      return at;
    }
    const i = this.regionOf(address, length);
    if (i < 0) return -1;
    this.current = this.views[i];
    return address - this.regions[i].base;
  }
  private regionOf(address: number, length: number): number {
    return this.regions.findIndex((r) => address >= r.base && address + length <= r.base + r.bytes.length);
  }
  private traceWrite(addr: number, bytes: ArrayLike<number>): void {
    const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
    this.trace.emit({ ev: "mem_write", by: "device", addr, hex });
  }
}
