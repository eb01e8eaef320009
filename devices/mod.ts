/** The host half: simulated machines, their buses and device models, and back ends for what leaves the machine. */
export * from "./bus.ts";
export * from "./chardev.ts";
export * from "./description/mod.ts";
export * from "./events.ts";
export * from "./guest_memory.ts";
export * from "./machine/mod.ts";
