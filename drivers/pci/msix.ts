import type { IoMemory } from "../../arch/io_memory.ts";
import type { MsiMessage } from "../../arch/platform.ts";
import { Msix } from "../../spec/pci.ts";
import type { PciDevice } from "../pci.ts";

/** Where the MSI-X table is (PCI 3.0, 6.8.2). */
export interface MsixLocation {
  readonly capability: number;
  readonly bar: number;
  /** Bytes from the BAR's start. */
  readonly offset: number;
  /** Number of entries. */
  readonly size: number;
}

/** Reads the capability at `offset`. */
export function readMsixLocation(device: PciDevice, offset: number): MsixLocation {
  const table = device.read(offset + Msix.TABLE, 4);
  return {
    capability: offset,
    bar: table & 7,
    offset: (table & ~7) >>> 0,
    size: (device.read(offset + Msix.CONTROL, 2) & 0x7ff) + 1,
  };
}

/** The MSI-X table of a function and the switches in its capability. */
export class MsixTable {
  constructor(
    private readonly device: PciDevice,
    private readonly capability: number,
    /** The table's registers: 16 bytes an entry. */
    private readonly table: IoMemory,
    /** Number of entries. */
    readonly size: number,
  ) {}

  /** Writes message and address of an entry and unmasks it (entry: address low, high, data, control bit 0 mask). */
  configure(index: number, message: MsiMessage): void {
    const at = index * Msix.ENTRY_SIZE;
    this.table.write(at + 12, 4, 1);
    this.table.write64(at, message.address);
    this.table.write(at + 8, 4, message.data);
    this.table.write(at + 12, 4, 0);
  }
  /** Message Control: enable, and mask of the whole function. INTx is silent while enabled. */
  control(enable: boolean, functionMask: boolean): void {
    const offset = this.capability + Msix.CONTROL;
    const rest = this.device.read(offset, 2) & ~(Msix.ENABLE | Msix.FUNCTION_MASK);
    this.device.write(
      offset,
      2,
      rest | (enable ? Msix.ENABLE : 0) | (functionMask ? Msix.FUNCTION_MASK : 0),
    );
  }
}
