import type { Platform, Width } from "../../../arch/platform.ts";
import { PCI_CONFIG_ADDRESS, PCI_CONFIG_DATA, PciCfg, PciCommand, PciStatus } from "../../../spec/pci.ts";

/** A base address register: its number, kind and size in bytes. */
export interface Bar {
  readonly index: number;
  readonly io: boolean;
  readonly wide: boolean;
  readonly size: number;
}

/** Where BARs go: the hole of QEMU's machines, and ports above those of the board. */
const MEMORY_START = 0xe000_0000, IO_START = 0xc000;

/** Configuration space of one function on bus 0, through ports 0xcf8 and 0xcfc (PCI 3.0, 3.2.2.3.2). */
export class PciFunction {
  /** Addresses of the BARs, by number. */
  readonly bars = new Map<number, number>();
  private nextMemory = MEMORY_START;
  private nextPort = IO_START;

  constructor(readonly platform: Platform, readonly slot: number) {}

  read(offset: number, width: Width): number {
    this.platform.portWrite(PCI_CONFIG_ADDRESS, 4, this.address(offset));
    return this.platform.portRead(PCI_CONFIG_DATA + (offset & 3), width);
  }
  write(offset: number, width: Width, value: number): void {
    this.platform.portWrite(PCI_CONFIG_ADDRESS, 4, this.address(offset));
    this.platform.portWrite(PCI_CONFIG_DATA + (offset & 3), width, value);
  }
  private address(offset: number): number {
    return (0x8000_0000 | this.slot << 11 | offset & 0xfc) >>> 0;
  }

  get exists(): boolean {
    return this.read(PciCfg.VENDOR_ID, 2) !== 0xffff;
  }
  /** Offsets of the capabilities with this id, in the order of the list. */
  capabilities(id: number): number[] {
    const found: number[] = [];
    if ((this.read(PciCfg.STATUS, 2) & PciStatus.CAP_LIST) === 0) return found;
    for (let at = this.read(PciCfg.CAPABILITIES, 1) & 0xfc; at !== 0; at = this.read(at + 1, 1) & 0xfc) {
      if (this.read(at, 1) === id) found.push(at);
      if (found.length > 48) break;
    }
    return found;
  }

  /** Gives each BAR an address, and lets the function answer there (PCI 3.0, 6.2.5.1). */
  placeBars(): void {
    const command = this.read(PciCfg.COMMAND, 2);
    this.stopDecoding(command);
    for (let index = 0; index < 6; index++) {
      const bar = this.sizeBar(index);
      if (bar === undefined) continue;
      this.placeBar(bar);
      if (bar.wide) index++;
    }
    this.startDecoding(command);
  }
  stopDecoding(command: number): void {
    this.write(PciCfg.COMMAND, 2, command & ~(PciCommand.IO | PciCommand.MEMORY));
  }
  sizeBar(index: number): Bar | undefined {
    const at = PciCfg.BAR0 + 4 * index;
    this.write(at, 4, 0xffff_ffff);
    const mask = this.read(at, 4);
    if (mask === 0) return undefined;
    const io = (mask & 1) === 1;
    const bits = io ? mask & 0xfffc : mask & 0xffff_fff0;
    return { index, io, wide: !io && (mask & 6) === 4, size: (bits & -bits) >>> 0 };
  }
  placeBar(bar: Bar): void {
    const size = bar.io ? bar.size : Math.max(bar.size, 4096);
    const from = bar.io ? this.nextPort : this.nextMemory;
    const address = Math.ceil(from / size) * size;
    if (bar.io) this.nextPort = address + size;
    else this.nextMemory = address + size;
    this.write(PciCfg.BAR0 + 4 * bar.index, 4, address);
    if (bar.wide) this.write(PciCfg.BAR0 + 4 * bar.index + 4, 4, 0);
    this.bars.set(bar.index, address);
  }
  startDecoding(command: number): void {
    this.write(PciCfg.COMMAND, 2, command | this.commandBits());
  }
  commandBits(): number {
    return PciCommand.IO | PciCommand.MEMORY | PciCommand.BUS_MASTER | PciCommand.INTX_DISABLE;
  }
}
