import { BUFFERS } from "./buffers.ts";
import { FIRMWARE } from "./firmware.ts";
import { GUESTS } from "./guests.ts";
import { HABITS } from "./habits.ts";
import { INTERRUPTS } from "./interrupts.ts";
import type { Legal } from "./legal.ts";
import { LINUX } from "./linux.ts";
import { RINGS } from "./rings.ts";
import { SET_UP } from "./set_up.ts";

export type { Legal } from "./legal.ts";

/** What drivers do in different ways, all of them allowed. */
export const LEGAL: readonly Legal[] = [
  ...[...SET_UP, ...INTERRUPTS, ...RINGS, ...BUFFERS],
  ...[...LINUX, ...FIRMWARE, ...GUESTS, ...HABITS],
];
