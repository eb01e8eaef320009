import type { AddressSpace, IoHandler, IrqLine } from "../bus.ts";
import { Msix, PciCapId, PciCfg, PciCommand, PciStatus } from "../../spec/pci.ts";
import { type BarKind, PciBar } from "./bar.ts";
import { MsixTable } from "./msix.ts";

/** What a function says it is (PCI 3.0, 6.2.1). */
export interface PciIds {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** 24 bits: class, subclass, programming interface. */
  readonly classCode: number;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
  /** 1 is INTA; 0 is none. */
  readonly interruptPin?: number;
  /** Bit 7: multifunction. */
  readonly headerType?: number;
}

const BAR_AT = (index: number) => PciCfg.BAR0 + 4 * index;
/** Offset of CACHE_LINE_SIZE, a byte that software may write and nobody reads. */
const CACHE_LINE_SIZE = 0x0c;
/** SERR enable: writable, without effect. */
const COMMAND_SERR = 0x100;

/**
 * A function on a PCI bus: 256 bytes of configuration space with a write mask for each byte, base address registers
 * whose windows follow COMMAND, a chain of capabilities, an interrupt pin and MSI-X.
 *
 * Bytes past the header that no capability takes are writable and without meaning, as in QEMU.
 */
export class PciFunction {
  declare readonly config: Uint8Array;
  /** A 1 where software may write. */
  declare readonly writeMask: Uint8Array;
  declare protected readonly view: DataView;
  declare private readonly initial: Uint8Array;
  readonly bars: PciBar[] = [];
  msix: MsixTable | undefined;
  /** Offset of the MSI-X capability. */
  msixCap = 0;
  /** The interrupt line, into the machine's router. Set by the machine. */
  intx: IrqLine | undefined;
  /** `00:04.0`, once on a bus. */
  bdf = "??:??.?";
  private spaces: { memory: AddressSpace; ports: AddressSpace } | undefined;
  private intxLevel = false;
  private intxDriven = false;
  private nextCap = 0x40;

  constructor(readonly name: string, ids: PciIds) {
    this.config = new Uint8Array(256);
    this.view = new DataView(this.config.buffer);
    this.writeMask = new Uint8Array(256);
    this.writeMask.fill(0xff, 0x40);
    this.writeMask[CACHE_LINE_SIZE] = 0xff;
    this.writeMask[PciCfg.INTERRUPT_LINE] = 0xff;
    const command = PciCommand.IO | PciCommand.MEMORY | PciCommand.BUS_MASTER | PciCommand.INTX_DISABLE |
      COMMAND_SERR;
    new DataView(this.writeMask.buffer).setUint16(PciCfg.COMMAND, command, true);
    this.view.setUint16(PciCfg.VENDOR_ID, ids.vendor, true);
    this.view.setUint16(PciCfg.DEVICE_ID, ids.device, true);
    this.config[PciCfg.REVISION] = ids.revision;
    for (let i = 0; i < 3; i++) this.config[PciCfg.CLASS + i] = ids.classCode >> (8 * i);
    this.config[PciCfg.HEADER_TYPE] = ids.headerType ?? 0;
    this.view.setUint16(PciCfg.SUBSYSTEM_VENDOR_ID, ids.subsystemVendor ?? 0, true);
    this.view.setUint16(PciCfg.SUBSYSTEM_ID, ids.subsystem ?? 0, true);
    this.config[PciCfg.INTERRUPT_PIN] = ids.interruptPin ?? 0;
    this.initial = new Uint8Array(256);
  }

  /** COMMAND as it stands. */
  get command(): number {
    return this.view.getUint16(PciCfg.COMMAND, true);
  }
  get busMaster(): boolean {
    return (this.command & PciCommand.BUS_MASTER) !== 0;
  }

  /** Adds a base address register; all must be there before the function goes onto a bus. */
  addBar(index: number, kind: BarKind, size: number, prefetchable: boolean, handler: IoHandler): PciBar {
    const bar = new PciBar(index, kind, size, prefetchable, handler);
    this.bars.push(bar);
    const mask = new DataView(this.writeMask.buffer);
    this.view.setUint32(BAR_AT(index), bar.typeBits, true);
    mask.setUint32(BAR_AT(index), -size >>> 0, true);
    if (kind === "mem64") mask.setUint32(BAR_AT(index) + 4, 0xffff_ffff, true);
    return bar;
  }

  /**
   * Puts a capability in front of the chain, at the next free offset, read-only; `writable` lists byte ranges of it
   * (offset from its start, length) that software may write. Returns its offset.
   */
  addCapability(id: number, body: readonly number[], writable: readonly [number, number][] = []): number {
    const length = 2 + body.length;
    const at = this.nextCap;
    if (at + length > 256) throw new Error(`${this.name}: no room for capability ${id}`);
    this.nextCap = (at + length + 3) & ~3;
    this.config[at] = id;
    this.config[at + 1] = this.config[PciCfg.CAPABILITIES];
    this.config.set(body, at + 2);
    this.config[PciCfg.CAPABILITIES] = at;
    this.view.setUint16(PciCfg.STATUS, this.view.getUint16(PciCfg.STATUS, true) | PciStatus.CAP_LIST, true);
    this.writeMask.fill(0, at, this.nextCap);
    for (const [offset, bytes] of writable) this.writeMask.fill(0xff, at + offset, at + offset + bytes);
    return at;
  }

  /** Adds MSI-X: table and pending bits in a BAR of their own, and the capability. */
  addMsix(
    barIndex: number,
    vectors: number,
    send: (address: number, data: number) => void,
  ): MsixTable {
    const msix = new MsixTable(`${this.name} msix`, vectors, send);
    this.msix = msix;
    this.addBar(barIndex, "mem32", msix.windowSize, false, msix);
    const body = new DataView(new ArrayBuffer(10));
    body.setUint16(Msix.CONTROL - 2, vectors - 1, true);
    body.setUint32(Msix.TABLE - 2, barIndex, true);
    body.setUint32(Msix.PBA - 2, msix.pbaOffset | barIndex, true);
    this.msixCap = this.addCapability(PciCapId.MSIX, [...new Uint8Array(body.buffer)]);
    this.writeMask[this.msixCap + 3] = (Msix.ENABLE | Msix.FUNCTION_MASK) >> 8;
    return msix;
  }

  /** The bus calls this once: from now on, windows follow COMMAND. */
  attach(bdf: string, memory: AddressSpace, ports: AddressSpace): void {
    this.bdf = bdf;
    this.spaces = { memory, ports };
    this.initial.set(this.config);
  }
  /** Power on again: registers as after creation, windows gone, interrupt line low. */
  reset(): void {
    this.setIntx(false);
    this.config.set(this.initial);
    this.msix?.reset();
    this.intxDriven = false;
    this.updateBars();
  }

  /** A configuration read of 1, 2 or 4 bytes; unaligned ones work, bytes past the end read 0. */
  configRead(offset: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.config[offset + i] ?? 0);
    return value;
  }
  /** A configuration write: masked byte by byte, then what it changes takes effect. */
  configWrite(offset: number, width: number, value: number): void {
    for (let i = 0; i < width && offset + i < 256; i++) {
      const mask = this.writeMask[offset + i];
      this.config[offset + i] = (this.config[offset + i] & ~mask) | ((value >>> (8 * i)) & mask);
    }
    const touches = (at: number, length: number) => offset < at + length && offset + width > at;
    if (touches(PciCfg.COMMAND, 2)) this.updateIntx();
    if (touches(PciCfg.COMMAND, 2) || touches(PciCfg.BAR0, 24)) this.updateBars();
    if (this.msix !== undefined && touches(this.msixCap + 3, 1)) {
      const control = this.config[this.msixCap + 3] << 8;
      const enabled = (control & Msix.ENABLE) !== 0;
      if (enabled) this.setIntx(false);
      this.msix.setControl(enabled, (control & Msix.FUNCTION_MASK) !== 0);
    }
  }

  /** The device asserts or releases its pin. INTX_DISABLE holds it back; STATUS shows it all the same. */
  setIntx(level: boolean): void {
    if (level === this.intxLevel) return;
    this.intxLevel = level;
    const status = this.view.getUint16(PciCfg.STATUS, true) & ~PciStatus.INTERRUPT;
    this.view.setUint16(PciCfg.STATUS, status | (level ? PciStatus.INTERRUPT : 0), true);
    this.updateIntx();
  }

  private updateIntx(): void {
    const drive = this.intxLevel && (this.command & PciCommand.INTX_DISABLE) === 0;
    if (drive === this.intxDriven) return;
    this.intxDriven = drive;
    this.intx?.set(drive);
  }
  private updateBars(): void {
    if (this.spaces === undefined) return;
    const { memory, ports } = this.spaces;
    for (const bar of this.bars) {
      const decode = (this.command & (bar.kind === "io" ? PciCommand.IO : PciCommand.MEMORY)) !== 0;
      const low = this.view.getUint32(BAR_AT(bar.index), true);
      const high = bar.kind === "mem64" ? this.view.getUint32(BAR_AT(bar.index) + 4, true) : 0;
      bar.update(low, high, decode, memory, ports);
    }
  }
}
