/**
 * Virtio devices as the host side has them: the models (rng, console, net), their PCI and MMIO front ends, the device's
 * side of virtqueues, and the catalog of what `-device` can name.
 */
export { type CatalogEntry, type Created, type CreateHost, deviceCatalog, findDriver } from "./catalog.ts";
export { type ConsolePort, type ConsolePortOptions, VirtioSerial } from "./console.ts";
export { VirtioDevice, type VirtioFrontEnd } from "./device.ts";
export { MMIO_WINDOW, VirtioMmio } from "./mmio.ts";
export { VirtioPci, type VirtioPciOptions } from "./pci.ts";
export { type NetOptions, VirtioNet } from "./net.ts";
export { parseProps, type PropertySpec, type PropValues } from "./props.ts";
export { Chain, createDeviceQueue, DeviceQueue, DeviceQueueError } from "./queue.ts";
export { VirtioRng } from "./rng.ts";
