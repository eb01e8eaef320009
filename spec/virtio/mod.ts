/** Constants of virtio 1.4, one file a chapter. */
export * from "./ids.ts";
export * from "./features.ts";
export * from "./status.ts";
export * from "./split.ts";
export * from "./packed.ts";
export * from "./pci.ts";
export * from "./mmio.ts";
export * from "./console.ts";
export * from "./net.ts";
export * from "./config_fields.ts";
export * from "./flow.ts";
