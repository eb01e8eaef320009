import type { Barrier, DeviceMemory } from "../../arch/device_memory.ts";

/** Who is told what the driver does with device memory. Addresses guest-physical, lengths in bytes. */
export interface MemoryWatcher {
  /**
   * Writes are told before the device can see them ({@link driverWrites}). A real device runs beside the driver: what it
   * finds in a packed ring it may have overwritten before anybody else has looked.
   */
  readonly early: boolean;
  /** `before`: what stood there, of writes of up to 4 bytes. */
  driverWrote(address: number, length: number, before: number | undefined): void;
  /** The same before the bytes are there: `bytes` is what they will be. */
  driverWrites(address: number, bytes: Uint8Array, before: number | undefined): void;
  /** Called once the bytes were read; `value`: what the driver got, of reads of up to 4 bytes. */
  driverReads(address: number, length: number, value: number | undefined): void;
  driverBarrier(kind: Barrier): void;
}

/** Device memory that tells of every read, write and barrier: the strict machine's place at the seam. */
export class WatchedDeviceMemory implements DeviceMemory {
  readonly base: number;
  readonly size: number;

  private readonly early: boolean;

  constructor(private readonly inner: DeviceMemory, private readonly watcher: MemoryWatcher) {
    this.base = inner.base;
    this.size = inner.size;
    this.early = watcher.early;
  }
  readU8(offset: number): number {
    const value = this.inner.readU8(offset);
    this.watcher.driverReads(this.base + offset, 1, value);
    return value;
  }
  readU16(offset: number): number {
    const value = this.inner.readU16(offset);
    this.watcher.driverReads(this.base + offset, 2, value);
    return value;
  }
  readU32(offset: number): number {
    const value = this.inner.readU32(offset);
    this.watcher.driverReads(this.base + offset, 4, value);
    return value;
  }
  readBytes(offset: number, target: Uint8Array): void {
    this.inner.readBytes(offset, target);
    if (target.length > 0) this.watcher.driverReads(this.base + offset, target.length, undefined);
  }
  writeU8(offset: number, value: number): void {
    const before = this.inner.readU8(offset);
    if (this.early) this.announce(offset, 1, value, before);
    this.inner.writeU8(offset, value);
    if (!this.early) this.watcher.driverWrote(this.base + offset, 1, before);
  }
  writeU16(offset: number, value: number): void {
    const before = this.inner.readU16(offset);
    if (this.early) this.announce(offset, 2, value, before);
    this.inner.writeU16(offset, value);
    if (!this.early) this.watcher.driverWrote(this.base + offset, 2, before);
  }
  writeU32(offset: number, value: number): void {
    const before = this.inner.readU32(offset);
    if (this.early) this.announce(offset, 4, value, before);
    this.inner.writeU32(offset, value);
    if (!this.early) this.watcher.driverWrote(this.base + offset, 4, before);
  }
  writeBytes(offset: number, source: Uint8Array): void {
    const told = source.length > 0;
    if (told && this.early) this.watcher.driverWrites(this.base + offset, source, undefined);
    this.inner.writeBytes(offset, source);
    if (told && !this.early) this.watcher.driverWrote(this.base + offset, source.length, undefined);
  }
  fill(offset: number, length: number, value: number): void {
    const told = length > 0;
    if (told && this.early) {
      this.watcher.driverWrites(this.base + offset, new Uint8Array(length).fill(value), undefined);
    }
    this.inner.fill(offset, length, value);
    if (told && !this.early) this.watcher.driverWrote(this.base + offset, length, undefined);
  }
  barrier(kind: Barrier): void {
    this.inner.barrier(kind);
    this.watcher.driverBarrier(kind);
  }

  private announce(offset: number, length: number, value: number, before: number): void {
    const bytes = Uint8Array.from({ length }, (_, i) => value >>> 8 * i);
    this.watcher.driverWrites(this.base + offset, bytes, before);
  }
}
