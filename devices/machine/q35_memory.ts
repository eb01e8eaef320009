import { type ChipsetFunction, touches } from "./chipset.ts";

/**
 * Registers of the MCH about memory for system management: they do nothing here, for nobody enters that mode, but they
 * lock themselves, and firmware asks questions through them (QEMU's mch_update_smram and its neighbours).
 */

/** Megabytes of TSEG beyond the datasheet's, 16 bits: all ones written ask for it. */
const EXT_TSEG = 0x50;
const EXT_TSEG_MBYTES = 16;
/** All ones ask whether there is RAM at 0x30000 for it; the lock bit switches it off for good. */
const SMBASE = 0x9c;
const SMBASE_IN_RAM = 0x01, SMBASE_LOCK = 0x02;
const SMRAM = 0x9d;
const SMRAM_OPEN = 0x40, SMRAM_CLOSED = 0x20, SMRAM_LOCK = 0x10;
const ESMRAMC = 0x9e;

/** Values of 32-bit registers after reset, and their writable bits. */
export const MEMORY_REGISTERS = [[EXT_TSEG, EXT_TSEG_MBYTES], [SMBASE, 0x0038_0200]] as const;
export const MEMORY_WRITABLE = [[EXT_TSEG, 0xffff_ffff], [SMBASE, 0xff87_78ff]] as const;

/** What a write to the MCH brings about. */
export function memoryWritten(fn: ChipsetFunction, offset: number, width: number): void {
  const { config, writeMask } = fn;
  if (touches(offset, width, EXT_TSEG, 2) && config[EXT_TSEG] === 0xff && config[EXT_TSEG + 1] === 0xff) {
    config[EXT_TSEG] = EXT_TSEG_MBYTES;
    config[EXT_TSEG + 1] = 0;
  }
  if (touches(offset, width, SMBASE, 1)) {
    if (config[SMBASE] === 0xff) {
      config[SMBASE] = SMBASE_IN_RAM;
      writeMask[SMBASE] = SMBASE_LOCK;
    } else if (writeMask[SMBASE] === 0xff) {
      config[SMBASE] = 0;
    } else if ((config[SMBASE] & SMBASE_LOCK) !== 0) {
      config[SMBASE] = SMBASE_LOCK;
      writeMask[SMBASE] = 0;
    }
  }
  if (touches(offset, width, SMRAM, 1) && (config[SMRAM] & SMRAM_LOCK) !== 0) {
    config[SMRAM] &= ~SMRAM_OPEN;
    writeMask[SMRAM] = SMRAM_CLOSED;
    writeMask[ESMRAMC] = 0;
  }
}
