import type { IoHandler } from "../bus.ts";
import type { PciBus } from "../pci/mod.ts";
import { PCI_CONFIG_ADDRESS } from "../../spec/pci.ts";
import type { TraceSink } from "../../spec/trace.ts";

const ENABLE = 0x8000_0000;

/** A bus's configuration space with QEMU's trace events, which name only functions that exist. */
class TracedConfig {
  constructor(private readonly bus: PciBus, private readonly trace: TraceSink) {}

  read(bus: number, dev: number, fn: number, offset: number, width: number): number {
    const value = this.bus.configRead(bus, dev, fn, offset, width);
    if (this.trace.on) this.emit("pci_cfg_read", bus, dev, fn, offset, "->", value);
    return value;
  }
  write(bus: number, dev: number, fn: number, offset: number, width: number, value: number): void {
    if (this.trace.on) this.emit("pci_cfg_write", bus, dev, fn, offset, "<-", value);
    this.bus.configWrite(bus, dev, fn, offset, width, value);
  }
  private emit(
    name: string,
    bus: number,
    dev: number,
    fn: number,
    at: number,
    way: string,
    value: number,
  ): void {
    const there = bus === 0 ? this.bus.at(dev, fn) : undefined;
    if (there === undefined) return;
    const text = `${there.name} ${there.bdf} @0x${at.toString(16)} ${way} 0x${value.toString(16)}`;
    this.trace.emit({ ev: "qemu", name, text });
  }
}

/**
 * Configuration mechanism 1 (PCI 3.0, 3.2.2.3.2): CONFIG_ADDRESS at 0xcf8, CONFIG_DATA at 0xcfc. The address register is
 * written by whole 32-bit accesses only; data may be read and written in bytes and words.
 */
export class ConfigPorts implements IoHandler {
  readonly name = "pci-conf";
  declare private readonly config: TracedConfig;
  private address = 0;

  constructor(bus: PciBus, trace: TraceSink) {
    this.config = new TracedConfig(bus, trace);
  }

  read(offset: number, width: number): number {
    if (offset < 4) return this.address;
    if ((this.address & ENABLE) === 0) return 0xffff_ffff;
    return this.config.read(this.busNumber, this.dev, this.fn, this.register(offset), width);
  }

  write(offset: number, width: number, value: number): void {
    if (offset < 4) {
      if (offset === 0 && width === 4) this.address = value;
      return;
    }
    if ((this.address & ENABLE) === 0) return;
    this.config.write(this.busNumber, this.dev, this.fn, this.register(offset), width, value);
  }

  regName(offset: number): string {
    return offset < 4 ? "CONFIG_ADDRESS" : "CONFIG_DATA";
  }

  private get busNumber(): number {
    return (this.address >>> 16) & 0xff;
  }
  private get dev(): number {
    return (this.address >>> 11) & 31;
  }
  private get fn(): number {
    return (this.address >>> 8) & 7;
  }
  private register(offset: number): number {
    // QEMU keeps the low two bits of the address register, and puts those of the port over them.
    return (this.address & 0xff) | (offset - 4);
  }
}

/** Where the ports of mechanism 1 begin, and how many there are. */
export const CONFIG_PORTS = { base: PCI_CONFIG_ADDRESS, size: 8 } as const;

/**
 * The memory-mapped configuration space of PCI Express (ECAM, PCIe 3.0, 7.2.2): bus, device, function and register are
 * the address. Functions of the old kind end at 256 bytes; beyond, all ones.
 */
export class Ecam implements IoHandler {
  readonly name = "pcie-mmcfg-mmio";
  declare private readonly config: TracedConfig;

  constructor(bus: PciBus, trace: TraceSink) {
    this.config = new TracedConfig(bus, trace);
  }

  read(offset: number, width: number): number {
    const [bus, dev, fn] = [offset >>> 20, (offset >>> 15) & 31, (offset >>> 12) & 7];
    return this.config.read(bus, dev, fn, offset & 0xfff, width);
  }
  write(offset: number, width: number, value: number): void {
    const [bus, dev, fn] = [offset >>> 20, (offset >>> 15) & 31, (offset >>> 12) & 7];
    this.config.write(bus, dev, fn, offset & 0xfff, width, value);
  }
}
