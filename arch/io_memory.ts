import { hex, type PhysAddr, physAddr } from "./addresses.ts";
import type { Platform, Width } from "./platform.ts";

/** An access outside the register window that a driver mapped. */
export class IoMemoryError extends Error {
  override name = "IoMemoryError";
}

/** A window of device registers (identity mapped, as in Hermit). Offsets in bytes from its start. */
export class IoMemory {
  constructor(
    readonly platform: Platform,
    readonly base: PhysAddr,
    readonly length: number,
    /** What it is, for messages: `virtio-rng common`. */
    readonly name: string,
  ) {}

  read(offset: number, width: Width): number {
    return this.platform.mmioRead(this.at(offset, width), width);
  }
  write(offset: number, width: Width, value: number): void {
    this.platform.mmioWrite(this.at(offset, width), width, value);
  }
  /** Writes a 64-bit register as two 32-bit halves, low first (virtio 1.4, 4.1.3.1). */
  write64(offset: number, value: number): void {
    this.write(offset, 4, value % 2 ** 32);
    this.write(offset + 4, 4, Math.floor(value / 2 ** 32));
  }
  /** A window within this one. @throws {IoMemoryError} if it sticks out. */
  sub(offset: number, length: number, name: string): IoMemory {
    if (offset < 0 || length < 0 || offset + length > this.length) {
      throw new IoMemoryError(
        `${name}: ${hex(offset)}+${hex(length)} is outside ${this.name} (${hex(this.length)} bytes)`,
      );
    }
    return new IoMemory(this.platform, physAddr(this.base + offset), length, name);
  }
  private at(offset: number, width: number): PhysAddr {
    if (offset < 0 || offset + width > this.length) {
      throw new IoMemoryError(
        `${this.name}: access of ${width} at ${hex(offset)} is outside its ${hex(this.length)} bytes`,
      );
    }
    return (this.base + offset) as PhysAddr;
  }
}
