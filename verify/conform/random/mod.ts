/**
 * Random driver programs on both platforms: generated from a seed, run on the simulated machine and on the real QEMU,
 * compared step by step; a difference is shrunk to the shortest program that shows it.
 */
import { campaign, type RandomOptions, type TargetResult } from "./campaign.ts";
import { reproduce, show } from "./show.ts";

export { campaign, type RandomOptions, type TargetResult } from "./campaign.ts";
export { generate } from "./generate.ts";
export { KEPT } from "./kept.ts";
export { show } from "./show.ts";
export { TARGETS } from "./targets.ts";

/** One line of the battery's table. */
export interface RandomRow {
  readonly check: string;
  readonly spec: string;
  readonly verdict: "same" | "kept" | "differs";
  readonly simulated: string;
  readonly qemu: string;
  /** A difference, step by step. */
  readonly detail?: string;
  /** Ids of kept differences that occurred. */
  readonly kept?: string[];
}

/** Runs the programs: one row for each target. */
export async function runRandom(options: RandomOptions): Promise<{ rows: RandomRow[] }> {
  return { rows: (await campaign(options)).map(rowOf) };
}

/** A target's result as a row. */
export function rowOf(result: TargetResult): RandomRow {
  const { target, programs, steps, seconds, differences, kept } = result;
  const base = { check: `random programs: ${target}`, spec: "virtio 1.4, 2 to 5" };
  const summary = `${programs} programs, ${steps} steps, ${seconds.toFixed(1)} s`;
  if (differences.length > 0) {
    return {
      ...base,
      verdict: "differs",
      simulated: summary,
      qemu: `${differences.length} differ: ${reproduce(differences[0].program)}`,
      detail: differences.map((d) => show(d)).join("\n\n"),
      ...kept.size > 0 ? { kept: [...kept.keys()] } : {},
    };
  }
  if (kept.size === 0) return { ...base, verdict: "same", simulated: summary, qemu: "the same" };
  const times = [...kept].map(([id, n]) => `${id} (${n})`).join(", ");
  return {
    ...base,
    verdict: "kept",
    simulated: summary,
    qemu: `the same but for ${times}`,
    kept: [...kept.keys()],
  };
}
