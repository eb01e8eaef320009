import { hex } from "../../../../arch/addresses.ts";
import type { IoMemory } from "../../../../arch/io_memory.ts";
import { PciCapId } from "../../../../spec/pci.ts";
import { CapCfgType, COMMON_CFG_MIN_SIZE, VirtioPciCap } from "../../../../spec/virtio/pci.ts";
import type { Log } from "../../../context.ts";
import type { PciBusScan, PciDevice } from "../../../pci.ts";
import { readMsixLocation } from "../../../pci/msix.ts";
import { MsixTable } from "../../../pci/msix.ts";
import { PciError } from "../../error.ts";

/** The structures of a virtio function: for each type the first usable capability (virtio 1.4, 4.1.4.1). */
export interface VirtioStructures {
  common?: IoMemory;
  notify?: { regs: IoMemory; multiplier: number };
  isr?: IoMemory;
  device?: IoMemory;
  msix?: MsixTable;
  /** Whether any virtio capability exists: a legacy device has none. */
  modern: boolean;
}

/** For each type: its name, the bytes it must have, the alignment of its offset (virtio 1.4, 4.1.4). */
const STRUCTURES: Record<number, { name: string; length: number; align: number }> = {
  [CapCfgType.Common]: { name: "common", length: COMMON_CFG_MIN_SIZE, align: 4 },
  [CapCfgType.Notify]: { name: "notify", length: 2, align: 2 },
  [CapCfgType.Isr]: { name: "isr", length: 1, align: 1 },
  [CapCfgType.Device]: { name: "device", length: 0, align: 4 },
};

/**
 * Reads the capability list and maps what it names. Capabilities may come in any order, be longer than known, double
 * or unusable: those are skipped with a line in the log.
 *
 * @throws {PciError} if the list itself is broken.
 */
export function mapCaps(device: PciDevice, bus: PciBusScan, deviceName: string, log: Log): VirtioStructures {
  const found: VirtioStructures = { modern: false };
  for (const cap of device.capabilities()) {
    try {
      if (cap.id === PciCapId.VENDOR) mapVirtioCap(device, bus, cap.offset, deviceName, found, log);
      else if (cap.id === PciCapId.MSIX && found.msix === undefined) {
        const at = readMsixLocation(device, cap.offset);
        const table = bus.map(device, at.bar).sub(at.offset, at.size * 16, `${deviceName} msix table`);
        found.msix = new MsixTable(device, cap.offset, table, at.size);
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.warn(`${deviceName}: the capability at ${hex(cap.offset)} is skipped: ${why}`);
    }
  }
  return found;
}

function mapVirtioCap(
  device: PciDevice,
  bus: PciBusScan,
  at: number,
  deviceName: string,
  found: VirtioStructures,
  log: Log,
): void {
  const capLength = device.read(at + VirtioPciCap.CAP_LEN, 1);
  const type = device.read(at + VirtioPciCap.CFG_TYPE, 1);
  const kind = STRUCTURES[type];
  if (kind === undefined) {
    // The access window (type 5) is for firmware; shared memory and vendor data are for drivers that know them.
    if (type !== CapCfgType.Pci) log.debug(`${deviceName}: the capability of type ${type} is not used`);
    return;
  }
  found.modern = true;
  const needed = type === CapCfgType.Notify ? 20 : 16;
  if (capLength < needed || at + needed > 256) {
    throw new PciError("General", `${kind.name}: its length is ${capLength}, expected at least ${needed}`);
  }
  if (alreadyFound(found, type)) {
    log.debug(`${deviceName}: the second ${kind.name} capability at ${hex(at)} is not used`);
    return;
  }
  const bar = device.read(at + VirtioPciCap.BAR, 1);
  const offset = device.read(at + VirtioPciCap.OFFSET, 4);
  const length = device.read(at + VirtioPciCap.LENGTH, 4);
  if (length < kind.length) {
    throw new PciError(
      "General",
      `${kind.name}: the structure has ${length} bytes, expected at least ${kind.length}`,
    );
  }
  if (offset % kind.align !== 0) {
    throw new PciError(
      "General",
      `${kind.name}: the offset ${hex(offset)} is not a multiple of ${kind.align}`,
    );
  }
  const regs = bus.map(device, bar).sub(offset, length, `${deviceName} ${kind.name}`);
  if (type === CapCfgType.Common) found.common = regs;
  else if (type === CapCfgType.Isr) found.isr = regs;
  else if (type === CapCfgType.Device) found.device = regs;
  else found.notify = { regs, multiplier: device.read(at + VirtioPciCap.EXTRA, 4) };
}

function alreadyFound(found: VirtioStructures, type: number): boolean {
  switch (type) {
    case CapCfgType.Common:
      return found.common !== undefined;
    case CapCfgType.Notify:
      return found.notify !== undefined;
    case CapCfgType.Isr:
      return found.isr !== undefined;
    default:
      return found.device !== undefined;
  }
}
