import { PciFunction, type PciIds } from "../pci/mod.ts";

/** Red Hat's subsystem ids, which all of QEMU's own functions carry. */
const QEMU_SUBSYSTEM = { subsystemVendor: 0x1af4, subsystem: 0x1100 };

/** What a chipset function's configuration space holds beyond its ids. */
export interface ChipsetConfig {
  /** 32-bit registers after reset. */
  readonly registers?: readonly (readonly [offset: number, value: number])[];
  /** Bits of 32-bit registers that can be written, where it is not the default (nothing below 0x40, all above). */
  readonly writable?: readonly (readonly [offset: number, mask: number])[];
  /** A register was written: what it routes or maps has to follow. */
  readonly onWrite?: (fn: ChipsetFunction, offset: number, width: number) => void;
}

/**
 * A function that belongs to the machine itself: bridges and controllers of the chipset. Their configuration space is as
 * read from QEMU 7.2, registers, write masks and all; of what they do, only interrupt routing and ECAM are modelled.
 */
export class ChipsetFunction extends PciFunction {
  declare private readonly onWrite: ChipsetConfig["onWrite"];
  /** What can be written before anything was locked. */
  declare private readonly unlocked: Uint8Array;

  constructor(name: string, ids: PciIds, config: ChipsetConfig = {}) {
    super(name, { ...QEMU_SUBSYSTEM, ...ids });
    const mask = new DataView(this.writeMask.buffer);
    for (const [offset, value] of config.registers ?? []) this.view.setUint32(offset, value, true);
    for (const [offset, bits] of config.writable ?? []) mask.setUint32(offset, bits, true);
    this.onWrite = config.onWrite;
    this.unlocked = this.writeMask.slice();
  }

  /** A register as it stands. */
  register(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  override configWrite(offset: number, width: number, value: number): void {
    super.configWrite(offset, width, value);
    this.onWrite?.(this, offset, width);
  }

  override reset(): void {
    super.reset();
    this.writeMask.set(this.unlocked);
    this.onWrite?.(this, 0, 256);
  }
}

/** Whether a write touched [at, at + length). */
export function touches(offset: number, width: number, at: number, length: number): boolean {
  return offset < at + length && offset + width > at;
}
