/**
 * A machine described in QEMU's words: from the command line to a {@link MachineDescription} and back.
 */
export { describe } from "./describe.ts";
export { describeTokens, parseDescription } from "./parse.ts";
export { formatSize, parseSize } from "./sizes.ts";
export { QEMU_OPTIONS, type Token, tokenize } from "./tokens.ts";
export * from "./types.ts";
