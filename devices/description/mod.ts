/**
 * A machine described in QEMU's words: from the command line to a {@link MachineDescription} and back.
 */
export * from "./types.ts";
