import { hex } from "./addresses.ts";
import type { Platform, Width } from "./platform.ts";

/** An access outside the ports that a driver claimed. */
export class PortError extends Error {
  override name = "PortError";
}

/** A run of I/O ports of one device: COM1, isa-debug-exit, the PCI configuration ports. Offsets from its first. */
export class Ports {
  /** @throws {PortError} if the run is not within the 64 Ki ports of x86. */
  constructor(
    readonly platform: Platform,
    readonly base: number,
    /** Number of ports. */
    readonly length: number,
    /** What it is, for messages: `COM1`. */
    readonly name: string,
  ) {
    if (
      !Number.isInteger(base) || !Number.isInteger(length) || base < 0 || length < 1 ||
      base + length > 0x1_0000
    ) {
      throw new PortError(`${name}: there are no ports ${hex(base)}+${length}`);
    }
  }
  /** `in`. Nothing there: all ones. */
  read(offset: number, width: Width = 1): number {
    return this.platform.portRead(this.at(offset, width), width);
  }
  /** `out`. */
  write(offset: number, value: number, width: Width = 1): void {
    this.platform.portWrite(this.at(offset, width), width, value);
  }
  private at(offset: number, width: Width): number {
    if (offset < 0 || offset + width > this.length) {
      throw new PortError(
        `${this.name}: access of ${width} at port offset ${hex(offset)} is outside its ${this.length} ports`,
      );
    }
    return this.base + offset;
  }
}
