/** A driver as a student writes it: transports, rings, and three devices, of its own. */
export { ConsoleStudent } from "./console.ts";
export { DriverError, type Ground, write64 } from "./ground.ts";
export { MmioTransport } from "./mmio.ts";
export { NetStudent } from "./net.ts";
export { PackedRing } from "./packed.ts";
export { PciTransport } from "./pci.ts";
export { PciFunction } from "./pci_function.ts";
export { PciInterrupts } from "./pci_interrupts.ts";
export { type Piece, Ring, type Used } from "./ring.ts";
export { RngStudent } from "./rng.ts";
export { SplitRing } from "./split.ts";
export { Student } from "./student.ts";
export { type Areas, type InterruptKind, Transport } from "./transport.ts";
