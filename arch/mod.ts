/**
 * The machine as the guest half sees it: addresses, page tables, interrupts, ports, barriers, and the {@link Platform}
 * behind which the simulated or the real machine stands.
 */
export * from "./addresses.ts";
export * from "./platform.ts";
export * from "./device_memory.ts";
export * from "./barrier.ts";
export * from "./io_memory.ts";
export * from "./paging.ts";
export * from "./interrupts.ts";
export * from "./ports.ts";
