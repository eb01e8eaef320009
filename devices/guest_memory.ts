import { NO_TRACE, type TraceSink } from "../spec/trace.ts";

/** A stretch of guest memory as a device sees it. */
export interface GuestRegion {
  /** Guest-physical address of the first byte. */
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBufferLike>;
}

/** Below this many bytes a loop is faster than a `subarray` and a `set`. */
const SHORT = 24;
const TWO_32 = 0x1_0000_0000;
/** QEMU lends one buffer of a page to DMA that does not reach RAM (`address_space_map`). */
const BOUNCE_SIZE = 4096;

/**
 * Guest memory as device models see it: regions, nothing of the simulator. Any address may come from a bad driver, so
 * each access finds its region or is refused: a read outside answers zeros, a write outside is dropped, as DMA to nowhere
 * does in QEMU; `covers` tells beforehand. Regions must not overlap.
 *
 * ```ts
 * import { GuestMemory } from "./guest_memory.ts";
 * const memory = new GuestMemory([{ base: 0, bytes: new Uint8Array(4096) }]);
 * memory.writeU16(0x10, 0xbeef);
 * console.assert(memory.readU8(0x11) === 0xbe && memory.readU32(4094) === 0 && !memory.covers(4094, 4));
 * ```
 */
export class GuestMemory {
  declare readonly regions: readonly GuestRegion[];
  /** Where writes are reported (`mem_write`, by the device). */
  declare readonly trace: TraceSink;
  /** The view in which the last {@link locate} found its address. */
  declare current: DataView;
  declare private readonly view: DataView;
  declare private readonly base: number;
  declare private readonly length: number;
  /** Length of region 0 if it starts at 0, else 0: what the fast path of `locate` compares with. */
  declare private readonly low: number;
  /** `low` as an int32: RAM above 2 GiB takes the slower path. */
  declare private readonly lowInt: number;
  declare private readonly views: DataView[];
  /** Someone holds the bounce buffer. */
  declare private bounced: boolean;

  constructor(regions: readonly GuestRegion[], trace: TraceSink = NO_TRACE) {
    this.regions = regions;
    this.trace = trace;
    this.views = regions.map((r) => new DataView(r.bytes.buffer, r.bytes.byteOffset, r.bytes.byteLength));
    this.base = regions.length > 0 ? regions[0].base : 0;
    this.length = regions.length > 0 ? regions[0].bytes.length : 0;
    this.low = this.base === 0 ? this.length : 0;
    this.lowInt = Math.min(this.low, 0x7fff_ffff) | 0;
    this.view = regions.length > 0 ? this.views[0] : new DataView(new ArrayBuffer(0));
    this.current = this.view;
    this.bounced = false;
  }

  /** Whether [address, address + length) lies in one region. */
  covers(address: number, length: number): boolean {
    return this.regionOf(address, length) >= 0;
  }
  /** As {@link covers}, of an address in two int32 halves: what a descriptor's 64 bits are on the hot path. */
  coversSplit(lo: number, hi: number, length: number): boolean {
    if (hi === 0 && (lo >>> 0) + length <= this.low) return true;
    return this.regionOf((hi >>> 0) * TWO_32 + (lo >>> 0), length) >= 0;
  }
  /**
   * Whether a descriptor's words (address low, high, length, as int32) surely are a buffer of at least a byte in RAM
   * below 2 GiB. If not, ask {@link coversSplit}: this is what costs nothing on the hot path.
   */
  surelyCovers(lo: number, hi: number, length: number): boolean {
    return hi === 0 && lo >= 0 && length > 0 && lo <= this.lowInt - length;
  }
  /**
   * Finds [address, address + length): its offset in {@link current}, or -1 if it does not lie in one region.
   * The address comes in two int32 halves.
   */
  locate(lo: number, hi: number, length: number): number {
    if (hi === 0 && (lo >>> 0) + length <= this.low) {
      this.current = this.view;
      return lo >>> 0;
    }
    return this.find((hi >>> 0) * TWO_32 + (lo >>> 0), length);
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
  writeU8(address: number, value: number): void {
    const at = this.find(address, 1);
    if (at >= 0) this.current.setUint8(at, value);
    if (this.trace.on) this.traceWrite(address, 1);
  }
  writeU16(address: number, value: number): void {
    const at = this.find(address, 2);
    if (at >= 0) this.current.setUint16(at, value, true);
    if (this.trace.on) this.traceWrite(address, 2);
  }
  writeU32(address: number, value: number): void {
    const at = this.find(address, 4);
    if (at >= 0) this.current.setUint32(at, value, true);
    if (this.trace.on) this.traceWrite(address, 4);
  }

  /** The bytes themselves, not a copy; undefined if they do not lie in one region. */
  bytesAt(address: number, length: number): Uint8Array | undefined {
    const i = this.regionOf(address, length);
    if (i < 0) return undefined;
    const { base, bytes } = this.regions[i];
    return bytes.subarray(address - base, address - base + length);
  }
  /** Copies guest memory into `target`; bytes outside RAM read as zero. */
  readBytes(address: number, target: Uint8Array): void {
    this.copyOut(address, target, 0, target.length);
  }
  /** Copies `source` into guest memory; bytes outside RAM are dropped. */
  writeBytes(address: number, source: Uint8Array): void {
    this.copyIn(address, source, 0, source.length);
  }
  /** Copies `length` bytes at `address` to `target[at...]`; bytes outside RAM read as zero. */
  copyOut(address: number, target: Uint8Array, at: number, length: number): void {
    while (length > 0) {
      const i = this.regionAt(address);
      const n = this.piece(address, length, i);
      if (i < 0) {
        target.fill(0, at, at + n);
      } else {
        const { base, bytes } = this.regions[i];
        const from = address - base;
        if (n < SHORT) { for (let k = 0; k < n; k++) target[at + k] = bytes[from + k]; }
        else target.set(bytes.subarray(from, from + n), at);
      }
      address += n;
      at += n;
      length -= n;
    }
  }
  /** Copies `length` bytes of `source[at...]` to `address`; bytes outside RAM are dropped. */
  copyIn(address: number, source: Uint8Array, at: number, length: number): void {
    while (length > 0) {
      const i = this.regionAt(address);
      const n = this.piece(address, length, i);
      if (i >= 0) {
        const { base, bytes } = this.regions[i];
        const to = address - base;
        if (n < SHORT) { for (let k = 0; k < n; k++) bytes[to + k] = source[at + k]; }
        else bytes.set(source.subarray(at, at + n), to);
        if (this.trace.on) this.traceWrite(address, n);
      }
      address += n;
      at += n;
      length -= n;
    }
  }

  /**
   * What QEMU's `dma_memory_map` says to a buffer that is not wholly RAM: the parts outside need the one bounce buffer,
   * a page long. Takes it and answers true, or answers false if it is lent already or too small. An address range that
   * would wrap is outside.
   */
  takeBounce(address: number, length: number): boolean {
    let outside = 0;
    while (length > 0) {
      const i = this.regionAt(address);
      const n = this.piece(address, length, i);
      if (i < 0) {
        if (outside > 0 || n > BOUNCE_SIZE || this.bounced) return false;
        outside = n;
      }
      address += n;
      length -= n;
    }
    if (outside > 0) this.bounced = true;
    return true;
  }
  /** Gives the bounce buffer back. */
  releaseBounce(): void {
    this.bounced = false;
  }

  /** Reports what now stands at an address; for writers that hold a view of their own. Call only if `trace.on`. */
  traceWrite(addr: number, length: number, area?: string): void {
    const bytes = new Uint8Array(length);
    this.copyOut(addr, bytes, 0, length);
    const hex = bytes.toHex();
    if (area === undefined) this.trace.emit({ ev: "mem_write", by: "device", addr, hex });
    else this.trace.emit({ ev: "mem_write", by: "device", addr, hex, area });
  }

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
    for (let i = 0; i < this.regions.length; i++) {
      const r = this.regions[i];
      if (address >= r.base && address + length <= r.base + r.bytes.length) return i;
    }
    return -1;
  }
  private regionAt(address: number): number {
    return this.regionOf(address, 1);
  }
  /** How many of `length` bytes at `address` lie in region i, or, if i is -1, before the next region. */
  private piece(address: number, length: number, i: number): number {
    if (i >= 0) return Math.min(length, this.regions[i].base + this.regions[i].bytes.length - address);
    let n = length;
    for (const r of this.regions) {
      if (r.base > address && r.bytes.length > 0) n = Math.min(n, r.base - address);
    }
    return n;
  }
}
