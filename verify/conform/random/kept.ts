import type { Difference } from "./compare.ts";
import type { Observation } from "./execute.ts";
import type { Program } from "./program.ts";
import { targetOf } from "./targets.ts";

/** A difference of a program, and both sides of it. */
export interface Found {
  readonly program: Program;
  readonly difference: Difference;
  readonly simulated: readonly Observation[];
  readonly qemu: readonly Observation[];
}

const NEEDS_RESET = 0x40;
const QUEUE_RESET = 0xc0;

/** Which kept difference (an id of `differences.ts`) a program has shown, by what the program did. */
export const KEPT: readonly { readonly id: string; is(found: Found): boolean }[] = [
  {
    id: "packed-readable-after-writable-hangs",
    is: ({ program, difference: { step }, simulated, qemu }) =>
      targetOf(program.target).packed && qemu[step]?.gone === "Hung" &&
      ((simulated[step]?.status ?? 0) & NEEDS_RESET) !== 0,
  },
  {
    id: "mmio-queue-reset",
    is: ({ program, difference }) =>
      program.steps.slice(0, difference.step + 1).some((s) =>
        s.op === "reg" && s.at === "mmio" && s.off === QUEUE_RESET && s.value === 1
      ),
  },
];

/** The id of the kept difference that this is, or undefined: then it is unexplained. */
export function keptId(found: Found): string | undefined {
  return KEPT.find((k) => k.is(found))?.id;
}
