/** What a page's worker would load: the simulated machine and the kernel, and nothing that touches the host. */
export { parseDescription } from "../../devices/description.ts";
export { createMachine } from "../../devices/machine/mod.ts";
export { boot } from "../../kernel/mod.ts";
