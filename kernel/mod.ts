/** The guest's kernel: boot, executor, console, log, shell, applications. `boot(platform, options).run()` is all. */
export { boot, type BootOptions, UnknownAppError } from "./boot.ts";
export { VERSION } from "../spec/version.ts";
export { Kernel, type KernelParts } from "./kernel.ts";
export { APPS } from "./apps/mod.ts";
export { EnvError } from "./env.ts";
