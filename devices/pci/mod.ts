/**
 * PCI as the host side has it: a bus with its configuration space, functions with BARs, interrupt lines and MSI-X.
 */
export { PciBus } from "./bus.ts";
export { type BarKind, PciBar } from "./bar.ts";
export { PciFunction, type PciIds } from "./function.ts";
export { MsixTable } from "./msix.ts";
