/**
 * The seam: memory that a device can see is touched through a `DeviceMemory` and nothing else. Tracing, strict checks
 * and weak-memory exploration replace this object.
 *
 * Offsets are bytes from the start of the region, little-endian, and become guest-physical addresses by adding `base`.
 * 64-bit fields are two 32-bit halves (a bigint costs 14 ns, two halves 2).
 */
export interface DeviceMemory {
  /** Guest-physical address of offset 0. */
  readonly base: number;
  /** Length in bytes. */
  readonly size: number;
  readU8(offset: number): number;
  readU16(offset: number): number;
  readU32(offset: number): number;
  writeU8(offset: number, value: number): void;
  writeU16(offset: number, value: number): void;
  writeU32(offset: number, value: number): void;
  /** Copies memory at `offset` into `target`, as many bytes as `target` has. */
  readBytes(offset: number, target: Uint8Array): void;
  /** Copies `source` to `offset`. */
  writeBytes(offset: number, source: Uint8Array): void;
  fill(offset: number, length: number, value: number): void;
  /** A memory barrier was executed here. Call the functions of `barrier.ts`, not this. */
  barrier(kind: Barrier): void;
}

/** What a barrier orders, and for whom: other CPUs (`smp`) or devices (`dma`); Hermit's names. */
export const Barrier = {
  SmpRead: 0,
  SmpWrite: 1,
  SmpGeneral: 2,
  DmaRead: 3,
  DmaWrite: 4,
  DmaGeneral: 5,
} as const;
export type Barrier = typeof Barrier[keyof typeof Barrier];

/** `smp/read`, `dma/write`, ...: the names in the golden traces. */
export const BARRIER_NAMES = [
  "smp/read",
  "smp/write",
  "smp/general",
  "dma/read",
  "dma/write",
  "dma/general",
] as const;

/** Device memory of the fast build: a DataView over RAM, and barriers that cost nothing. */
export class RamDeviceMemory implements DeviceMemory {
  declare readonly base: number;
  declare readonly size: number;
  declare private readonly view: DataView;
  declare private readonly bytes: Uint8Array;

  constructor(base: number, bytes: Uint8Array<ArrayBufferLike>) {
    this.base = base;
    this.size = bytes.length;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  readU8(offset: number): number {
    return this.view.getUint8(offset);
  }
  readU16(offset: number): number {
    return this.view.getUint16(offset, true);
  }
  readU32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
  writeU8(offset: number, value: number): void {
    this.view.setUint8(offset, value);
  }
  writeU16(offset: number, value: number): void {
    this.view.setUint16(offset, value, true);
  }
  writeU32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }
  readBytes(offset: number, target: Uint8Array): void {
    target.set(this.bytes.subarray(offset, offset + target.length));
  }
  writeBytes(offset: number, source: Uint8Array): void {
    this.bytes.set(source, offset);
  }
  fill(offset: number, length: number, value: number): void {
    this.bytes.fill(value, offset, offset + length);
  }
  barrier(_kind: Barrier): void {}
}
