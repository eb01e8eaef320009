import { hex } from "../../arch/addresses.ts";
import { PciCfg, PciStatus } from "../../spec/pci.ts";
import { PciError } from "../virtio/error.ts";
import type { PciDevice } from "../pci.ts";

/** An entry of the capability list: its id and where it starts in configuration space. */
export interface PciCapability {
  readonly id: number;
  readonly offset: number;
}

/**
 * Walks the capability list (PCI 3.0, 6.7), in the order of the list. The lower two bits of a pointer are reserved and
 * masked.
 *
 * @throws {PciError} NoCapPtr without a list; BadCapPtr for a pointer into the header or a list that comes back to itself.
 */
export function capabilities(device: PciDevice): PciCapability[] {
  if ((device.read(PciCfg.STATUS, 2) & PciStatus.CAP_LIST) === 0) {
    throw new PciError("NoCapPtr", `${device.name}: has no capability list`);
  }
  const list: PciCapability[] = [];
  const seen = new Set<number>();
  let from = PciCfg.CAPABILITIES as number;
  let offset = device.read(from, 1) & 0xfc;
  while (offset !== 0) {
    if (offset < 0x40) {
      throw new PciError(
        "BadCapPtr",
        `${device.name}: the capability pointer at ${hex(from)} is ${
          hex(offset)
        }, expected 0 or 0x40 to 0xfc`,
      );
    }
    if (seen.has(offset)) {
      throw new PciError("BadCapPtr", `${device.name}: the capability list comes back to ${hex(offset)}`);
    }
    seen.add(offset);
    list.push({ id: device.read(offset, 1), offset });
    from = offset + 1;
    offset = device.read(from, 1) & 0xfc;
  }
  return list;
}
