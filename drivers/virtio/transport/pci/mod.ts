/** The parts of the PCI transport: capabilities, common configuration, notifications, interrupts. Entry: `../pci.ts`. */
export * from "./caps.ts";
export * from "./com_cfg.ts";
export * from "./interrupt.ts";
export * from "./notify.ts";
