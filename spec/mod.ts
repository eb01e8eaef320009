/**
 * The ground floor: layouts and constants of virtio 1.4 and PCI that guest and host half must agree on, and the
 * shape of a trace. Nothing here acts, and nothing here imports from another floor.
 */
export * from "./virtio/mod.ts";
export * from "./pci.ts";
export * from "./trace.ts";
