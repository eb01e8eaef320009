import { deviceCatalog, findDriver } from "../virtio/catalog.ts";
import { parseProps } from "../virtio/props.ts";
import { type GlobalProperty, type Props, UsageError } from "./types.ts";
import { readBool, refuseUnknownProps, suggestion } from "./words.ts";

const DEBUG_EXIT = "isa-debug-exit";

/** Beginnings of names of devices that QEMU has and Pagurus does not, so that they are refused for what they are. */
const NOT_MODELLED = /^(virtio|vhost|pcie?|ioh3420|x3130|e1000|isa|usb|nvme|ahci|scsi|ide)(-|$|\d)/;

/** The drivers that `-device` can name. */
export const DRIVER_NAMES: readonly string[] = [...deviceCatalog.map((e) => e.driver), DEBUG_EXIT];

/** QEMU's full name of a driver. @throws {UsageError} if it is not modelled or no driver at all. */
export function resolveDriver(where: string, name: string | undefined): string {
  const full = findDriver(name ?? "")?.driver ?? name ?? "";
  if (DRIVER_NAMES.includes(full)) return full;
  const possible = `possible: ${DRIVER_NAMES.join(", ")}`;
  if (full === "") throw new UsageError(`${where}: no driver named; ${possible}`);
  if (/^(virtio-(blk|scsi|gpu|balloon|9p|fs|vsock|crypto|input|iommu)|vhost-)/.test(full)) {
    throw new UsageError(`${where}: device '${full}' is not modelled yet; ${possible}`);
  }
  const near = suggestion(full, DRIVER_NAMES);
  const what = near === "" && NOT_MODELLED.test(full)
    ? "is not modelled"
    : "is not a valid device model name";
  throw new UsageError(`${where}: device '${full}' ${what}${near}; ${possible}`);
}

/** Checks the properties of a device as far as that needs no machine. @throws {UsageError} */
export function checkDeviceProps(driver: string, props: Props): void {
  const entry = findDriver(driver);
  if (entry === undefined) {
    refuseUnknownProps(`-device ${driver}`, props, ["id", "bus", "iobase", "iosize"]);
    return;
  }
  for (const name of Object.keys(props)) {
    const known = entry.properties.filter((p) => p.state !== "refused").map((p) => p.name);
    if (entry.properties.some((p) => p.name === name)) continue;
    refuseUnknownProps(`-device ${driver}`, { [name]: props[name] }, known);
  }
  parseProps(driver, entry.properties, props);
}

/** Checks a `-global`. @throws {UsageError} */
export function checkGlobal(where: string, g: GlobalProperty): void {
  if (g.driver === "virtio-mmio") {
    refuseUnknownProps(where, { [g.property]: g.value }, ["force-legacy"]);
    readBool(where, "force-legacy", g.value);
    return;
  }
  if (["virtio-device", "virtio-pci", "pci-device", "virtio-serial-port"].includes(g.driver)) return;
  if (!DRIVER_NAMES.includes(g.driver)) {
    const drivers = ["virtio-mmio", "virtio-device", "virtio-pci", ...DRIVER_NAMES];
    throw new UsageError(
      `${where}: no driver '${g.driver}'${suggestion(g.driver, drivers)}; possible: ${drivers.join(", ")}`,
    );
  }
  checkDeviceProps(g.driver, { [g.property]: g.value });
}
