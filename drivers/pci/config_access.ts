import { hex } from "../../arch/addresses.ts";
import type { Platform, Width } from "../../arch/platform.ts";
import { PCI_CONFIG_ADDRESS, PCI_CONFIG_DATA } from "../../spec/pci.ts";
import { PciError } from "../virtio/error.ts";

/** Bus, device (slot), function. */
export interface PciAddress {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

/**
 * `00:02.0`, as lspci prints it.
 *
 * ```ts
 * import { pciAddressName } from "./config_access.ts";
 * console.assert(pciAddressName({ bus: 0, device: 31, function: 2 }) === "00:1f.2");
 * ```
 */
export function pciAddressName(a: PciAddress): string {
  const two = (n: number) => n.toString(16).padStart(2, "0");
  return `${two(a.bus)}:${two(a.device)}.${a.function}`;
}

/** Access to configuration space. Offsets and widths in bytes. */
export interface PciConfigRegion {
  read(address: PciAddress, offset: number, width: Width): number;
  write(address: PciAddress, offset: number, width: Width, value: number): void;
}

/** Configuration mechanism 1: an address port and a data port (PCI 3.0, 3.2.2.3.2). Reaches the first 256 bytes. */
export class LegacyPciConfigRegion implements PciConfigRegion {
  constructor(private readonly platform: Platform) {}

  read(address: PciAddress, offset: number, width: Width): number {
    this.select(address, offset, width);
    return this.platform.portRead(PCI_CONFIG_DATA + (offset & 3), width);
  }
  write(address: PciAddress, offset: number, width: Width, value: number): void {
    this.select(address, offset, width);
    this.platform.portWrite(PCI_CONFIG_DATA + (offset & 3), width, value);
  }
  private select(a: PciAddress, offset: number, width: Width): void {
    if (offset < 0 || offset + width > 256 || offset % width !== 0) {
      throw new PciError(
        "General",
        `${pciAddressName(a)}: configuration access of ${width} at ${hex(offset)}`,
      );
    }
    const value = (0x8000_0000 | a.bus << 16 | a.device << 11 | a.function << 8 | (offset & 0xfc)) >>> 0;
    this.platform.portWrite(PCI_CONFIG_ADDRESS, 4, value);
  }
}
