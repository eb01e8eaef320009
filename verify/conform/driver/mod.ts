/**
 * A driver as small as can be, on top of `Platform` and nothing else: it finds a device, writes registers and
 * rings where it is told, right or wrong, and reads what came of it.
 */
export { Area, FILL, Front, type QueueSetUp } from "./front.ts";
export { type Capability, findVirtio, PciConfig, type Place } from "./pci_config.ts";
export { PciFront } from "./pci.ts";
export { LegacyPorts, PAGE, Port } from "./legacy.ts";
export { MMIO_BASE, MMIO_STRIDE, MmioFront } from "./mmio.ts";
export { buffer, type Desc, I, N, Ring, tableAt, type UsedEntry, W } from "./ring.ts";
