/**
 * virtio over PCI (virtio 1.4, 4.1). Modern and transitional devices are driven through their modern interface; where
 * Hermit refuses ids 0x1000 to 0x103f, a transitional device with virtio capabilities is taken here. A device that has
 * the legacy interface alone is refused.
 */
import { hex } from "../../../arch/addresses.ts";
import { VIRTIO_PCI_MODERN_BASE, VIRTIO_PCI_VENDOR } from "../../../spec/virtio/pci.ts";
import { virtioIdName } from "../../../spec/virtio/ids.ts";
import type { DriverContext } from "../../context.ts";
import { type PciBusScan, type PciDevice, printInformation, scanBus } from "../../pci.ts";
import { PciError, VirtioError } from "../error.ts";
import { WindowDevCfg } from "./common.ts";
import type { UniCapsColl, VirtioDeviceLocation } from "./mod.ts";
import { mapCaps, type VirtioStructures } from "./pci/caps.ts";
import { PciComCfg } from "./pci/com_cfg.ts";
import { PciInterrupt, PciIsrStatus } from "./pci/interrupt.ts";
import { PciNotifCfg } from "./pci/notify.ts";

/** The transport of this build. */
export const TRANSPORT = "pci" as "pci" | "mmio";

/** First and last PCI device id of virtio; below 0x1040 they are transitional (virtio 1.4, 4.1.2). */
const VIRTIO_PCI_IDS = { first: 0x1000, last: 0x107f };

/** A virtio function on bus 0. */
class PciVirtioLocation implements VirtioDeviceLocation {
  readonly name: string;
  constructor(readonly deviceId: number, readonly device: PciDevice, readonly bus: PciBusScan) {
    this.name = device.name;
  }
}

/** Scans bus 0 for virtio functions, in the order of slots. */
export function findDevices(ctx: DriverContext): VirtioDeviceLocation[] {
  const bus = scanBus(ctx);
  printInformation(bus.devices, ctx.log);
  const found: VirtioDeviceLocation[] = [];
  for (const device of bus.devices) {
    if (device.vendorId() !== VIRTIO_PCI_VENDOR || device.headerType() !== 0) continue;
    const id = device.deviceId();
    if (id < VIRTIO_PCI_IDS.first || id > VIRTIO_PCI_IDS.last) continue;
    // A transitional device says what it is in its subsystem id (virtio 1.4, 4.1.2.3).
    const virtioId = id < VIRTIO_PCI_MODERN_BASE ? device.subsystemId() : id - VIRTIO_PCI_MODERN_BASE;
    ctx.log.info(`Found virtio device with device id 0x${id.toString(16).padStart(4, "0")}`);
    found.push(new PciVirtioLocation(virtioId, device, bus));
  }
  return found;
}

/**
 * Maps a device's structures. Its BARs get addresses where firmware gave none; memory decoding and bus mastering are
 * switched on.
 *
 * @throws {VirtioError} FromPci for a broken capability list; NoComCfg, NoNotifCfg, NoIsrCfg for a missing structure;
 * DevNotSupported for a device with the legacy interface only.
 */
export function mapDevice(location: VirtioDeviceLocation, ctx: DriverContext): UniCapsColl {
  if (!(location instanceof PciVirtioLocation)) {
    throw new VirtioError("DevNotSupported", `${location.name} was not found by the PCI transport`);
  }
  const { device, bus } = location;
  const name = `virtio-${virtioIdName(location.deviceId).toLowerCase()} at ${location.name}`;
  const caps = readStructures(device, bus, name, ctx);
  if (caps.common === undefined) {
    if (!caps.modern && device.deviceId() < VIRTIO_PCI_MODERN_BASE) {
      throw new VirtioError(
        "DevNotSupported",
        `${name}: PCI id ${
          hex(device.deviceId())
        } without virtio capabilities: it has the legacy interface only`,
      );
    }
    throw new VirtioError("NoComCfg", `${name}: no usable common configuration among its capabilities`);
  }
  if (caps.notify === undefined) {
    throw new VirtioError("NoNotifCfg", `${name}: no usable notification structure among its capabilities`);
  }
  if (caps.isr === undefined && caps.msix === undefined) {
    throw new VirtioError("NoIsrCfg", `${name}: neither an ISR status nor MSI-X among its capabilities`);
  }
  const comCfg = new PciComCfg(caps.common, name);
  const isr = caps.isr === undefined ? undefined : new PciIsrStatus(caps.isr);
  ctx.log.info(
    caps.msix === undefined
      ? "The device will use legacy interrupts."
      : "Found MSI-X capability. The device will use message signaled interrupts.",
  );
  return {
    location,
    comCfg,
    notifCfg: new PciNotifCfg(caps.notify.regs, caps.notify.multiplier, name),
    devCfg: caps.device && new WindowDevCfg(caps.device, () => comCfg.configGeneration(), name),
    interrupt: new PciInterrupt(device, comCfg, caps.msix, isr, ctx),
  };
}

function readStructures(
  device: PciDevice,
  bus: PciBusScan,
  name: string,
  ctx: DriverContext,
): VirtioStructures {
  try {
    device.assignBars(bus.bars);
    return mapCaps(device, bus, name, ctx.log);
  } catch (error) {
    if (!(error instanceof PciError)) throw error;
    throw new VirtioError("FromPci", `${name}: ${error.message}`, { cause: error });
  }
}
