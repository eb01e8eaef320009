import type { Width } from "../../../arch/platform.ts";
import { PCI_CONFIG_ADDRESS, PCI_CONFIG_DATA, PciCfg } from "../../../spec/pci.ts";
import { VIRTIO_PCI_VENDOR } from "../../../spec/virtio/pci.ts";
import type { World } from "../world.ts";

/** A place on the root bus. */
export interface Place {
  readonly slot: number;
  readonly func?: number;
}

/** A capability as the list in configuration space has it. */
export interface Capability {
  readonly at: number;
  readonly id: number;
  readonly next: number;
}

/** The configuration space of one function, through ports 0xcf8 and 0xcfc. */
export class PciConfig {
  constructor(readonly world: World, readonly place: Place) {}

  read(offset: number, width: Width = 4): number {
    this.address(offset);
    return this.world.platform.portRead(PCI_CONFIG_DATA + (offset & 3), width);
  }
  write(offset: number, value: number, width: Width = 4): void {
    this.address(offset);
    this.world.platform.portWrite(PCI_CONFIG_DATA + (offset & 3), width, value);
  }

  /**
   * One place to read and write again and again: the address is written now and not with each access. Good until
   * anybody writes another address. `more` is added to the place, within its 32 bits.
   */
  held(
    offset: number,
  ): { read(width: Width, more?: number): number; write(value: number, width: Width): void } {
    this.address(offset);
    const port = PCI_CONFIG_DATA + (offset & 3);
    const { platform } = this.world;
    return {
      read: (width, more = 0) => platform.portRead(port + more, width),
      write: (value, width) => platform.portWrite(port, width, value),
    };
  }

  get exists(): boolean {
    return this.read(PciCfg.VENDOR_ID, 2) !== 0xffff;
  }
  /** The capability list, in the order of its links; a list that runs in circles is cut. */
  capabilities(): Capability[] {
    const found: Capability[] = [];
    if ((this.read(PciCfg.STATUS, 2) & 0x10) === 0) return found;
    for (let at = this.read(PciCfg.CAPABILITIES, 1); at >= 0x40 && found.length < 48;) {
      const next = this.read(at + 1, 1);
      found.push({ at, id: this.read(at, 1), next });
      at = next;
    }
    return found;
  }
  private address(offset: number): void {
    const { slot, func = 0 } = this.place;
    const address = (0x8000_0000 | slot << 11 | func << 8 | offset & 0xfc) >>> 0;
    this.world.platform.portWrite(PCI_CONFIG_ADDRESS, 4, address);
  }
}

/** All virtio functions on the root bus, lowest place first. */
export function findVirtio(world: World): Place[] {
  const found: Place[] = [];
  for (let slot = 0; slot < 32; slot++) {
    for (let func = 0; func < 8; func++) {
      const vendor = new PciConfig(world, { slot, func }).read(PciCfg.VENDOR_ID, 2);
      if (vendor === VIRTIO_PCI_VENDOR) found.push({ slot, func });
      // Without a function 0 that says it has others, the slot has none.
      if (func === 0 && (new PciConfig(world, { slot }).read(PciCfg.HEADER_TYPE, 1) & 0x80) === 0) break;
    }
  }
  return found;
}
