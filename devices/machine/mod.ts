/**
 * Simulated machines: q35, pc and microvm as QEMU 7.2 has them, behind the same `Platform` as the real one. A machine
 * is made by {@link createMachine}; `machine.ts` holds what all have in common, `q35.ts`, `pc.ts` and `microvm.ts` the boards.
 */
export { createMachine } from "./create.ts";
export { ACCESS_TIME, Machine, type MachineDevice, type MachineHost, RELAX_TIME } from "./machine.ts";
export { MACHINE_PROPERTIES, MachineError } from "./props.ts";
export { DRIVERS } from "./plug.ts";
