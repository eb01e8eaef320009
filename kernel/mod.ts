/** The guest's kernel: boot, executor, console, log, shell, applications. `boot(platform, options).run()` is all. */
export { boot, type BootOptions, UnknownAppError, VERSION } from "./boot.ts";
export { Kernel, type KernelParts } from "./kernel.ts";
export { APPS } from "./apps/mod.ts";
export { EnvError } from "./env.ts";
