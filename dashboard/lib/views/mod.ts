/**
 * From the state of a machine at one moment (and pages of its memory) to the rows that views show: pure functions, without
 * DOM or signals. Where memory is asked for that is still on its way, they return undefined, and are asked again.
 */
export * from "./rings.ts";
export * from "./split_ring.ts";
export * from "./packed_ring.ts";
export * from "./used_chain.ts";
export * from "./events.ts";
export * from "./features.ts";
export * from "./interrupts.ts";
export * from "./registers.ts";
export * from "./pci.ts";
export * from "./memory.ts";
export * from "./event_window.ts";
export * from "./frames.ts";
export * from "./plots.ts";
