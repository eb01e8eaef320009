import type { IoHandler } from "../bus.ts";
import type { PciBus } from "../pci/mod.ts";
import { PCI_CONFIG_ADDRESS } from "../../spec/pci.ts";

const ENABLE = 0x8000_0000;

/**
 * Configuration mechanism 1 (PCI 3.0, 3.2.2.3.2): CONFIG_ADDRESS at 0xcf8, CONFIG_DATA at 0xcfc. The address register is
 * written by whole 32-bit accesses only; data may be read and written in bytes and words.
 */
export class ConfigPorts implements IoHandler {
  readonly name = "pci-conf";
  private address = 0;

  constructor(private readonly bus: PciBus) {}

  read(offset: number, width: number): number {
    if (offset < 4) return this.address;
    const at = offset - 4;
    if ((this.address & ENABLE) === 0) return 0xffff_ffff;
    const [dev, fn, reg] = this.target();
    const fits = Math.min(width, 4 - at);
    // What crosses the end of the data port is not there.
    const rest = fits === width ? 0 : -1 << (8 * fits);
    return this.read3(dev, fn, reg + at, fits) | rest;
  }

  write(offset: number, width: number, value: number): void {
    if (offset < 4) {
      if (offset === 0 && width === 4) this.address = value;
      return;
    }
    const at = offset - 4;
    if ((this.address & ENABLE) === 0) return;
    const [dev, fn, reg] = this.target();
    const fits = Math.min(width, 4 - at);
    if (fits !== 3) this.bus.configWrite(this.busNumber, dev, fn, reg + at, fits, value);
    else {for (let i = 0; i < 3; i++) {
        this.bus.configWrite(this.busNumber, dev, fn, reg + at + i, 1, (value >>> (8 * i)) & 0xff);
      }}
  }

  regName(offset: number): string {
    return offset < 4 ? "CONFIG_ADDRESS" : "CONFIG_DATA";
  }

  private get busNumber(): number {
    return (this.address >>> 16) & 0xff;
  }
  private target(): [number, number, number] {
    return [(this.address >>> 11) & 31, (this.address >>> 8) & 7, this.address & 0xfc];
  }
  private read3(dev: number, fn: number, offset: number, width: number): number {
    if (width !== 3) return this.bus.configRead(this.busNumber, dev, fn, offset, width);
    let value = 0;
    for (let i = 0; i < 3; i++) {
      value |= this.bus.configRead(this.busNumber, dev, fn, offset + i, 1) << (8 * i);
    }
    return value;
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

  constructor(private readonly bus: PciBus) {}

  read(offset: number, width: number): number {
    return this.bus.configRead(
      offset >>> 20,
      (offset >>> 15) & 31,
      (offset >>> 12) & 7,
      offset & 0xfff,
      width,
    );
  }
  write(offset: number, width: number, value: number): void {
    this.bus.configWrite(
      offset >>> 20,
      (offset >>> 15) & 31,
      (offset >>> 12) & 7,
      offset & 0xfff,
      width,
      value,
    );
  }
}
