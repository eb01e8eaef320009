import { Msix } from "../../../../spec/pci.ts";
import type { Access } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import { PerDevice } from "../basic/_state.ts";

/** An entry of the MSI-X table, as far as the driver wrote it (PCI 3.0, 6.8.2). */
export interface MsixEntry {
  address: number | undefined;
  data: number | undefined;
  /** After power on all are. */
  masked: boolean;
  /** It was unmasked once. */
  everOpen: boolean;
}

/** The MSI-X tables of all devices, from the writes to them. */
export class MsixTables {
  private readonly tables = new PerDevice(() => new Map<number, MsixEntry>());

  access(a: Access): void {
    if (a.space !== "msix" || !a.write || a.width !== 4) return;
    const entry = this.entry(a.device, Math.floor(a.offset / Msix.ENTRY_SIZE));
    switch (a.offset % Msix.ENTRY_SIZE) {
      case 0:
        entry.address = a.value;
        break;
      case 8:
        entry.data = a.value;
        break;
      case 12:
        entry.masked = (a.value & 1) !== 0;
        entry.everOpen ||= !entry.masked;
        break;
    }
  }
  entry(device: DeviceModel, index: number): MsixEntry {
    const table = this.tables.of(device);
    let entry = table.get(index);
    if (entry === undefined) {
      table.set(index, entry = { address: undefined, data: undefined, masked: true, everOpen: false });
    }
    return entry;
  }
}
