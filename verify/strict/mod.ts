/**
 * The strict machine: names each rule of the specification that a driver breaks, with the evidence and the place in its code.
 *
 * `engine.ts` follows a machine by its trace and its device memory, `decode/` and `model/` are what it knows of it, `rules/`
 * watch that, `format/` writes reports.
 */
export { Strict, type StrictMode, type StrictOptions, StrictStop } from "./engine.ts";
export { WatchedDeviceMemory } from "./memory.ts";
export { watchBoot, type WatchedBoot } from "./watch.ts";
export { LiveMemory } from "./model/guest_memory.ts";
export type { Report } from "./report.ts";
export type { Rule } from "./rule.ts";
export { RULES } from "./rules/mod.ts";
