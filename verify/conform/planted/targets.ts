import type { Target } from "../random/targets.ts";
import type { Mistake } from "./mistake.ts";

/** The targets of the random campaign that can see a mistake, the simplest first: all words are in their names. */
export function matching(mistake: Mistake, targets: readonly Target[]): Target[] {
  const words = mistake.on.split(" ");
  return targets.filter((t) => words.every((word) => t.name.split("-").includes(word)));
}
