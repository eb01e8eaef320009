import { generate } from "./generate.ts";
import type { Found } from "./kept.ts";
import { Pair, type Worlds } from "./pair.ts";
import { shrink } from "./shrink.ts";
import { show } from "./show.ts";
import { type Target, targetOf, TARGETS } from "./targets.ts";

/** After so many unexplained differences a target is left. */
const ENOUGH = 3;

/** What to run. */
export interface RandomOptions {
  /** Programs for each target. */
  readonly programs: number;
  readonly seed: number;
  /** `rng-pci-split`, or `rng-pci-split#17` for one program of it. */
  readonly only?: string | undefined;
  readonly onProgress?: ((text: string) => void) | undefined;
  /** After so many unexplained differences a target is left; default 3. */
  readonly enough?: number | undefined;
  /** Leave a difference as long as it was found. */
  readonly keepLong?: boolean | undefined;
  readonly worlds?: Worlds | undefined;
}

/** What came of one target. */
export interface TargetResult {
  readonly target: string;
  /** How many programs were run, and their steps. */
  readonly programs: number;
  readonly steps: number;
  readonly seconds: number;
  /** Differences that vanished when QEMU was given more time. */
  readonly races: number;
  /** Unexplained differences, each at its shortest. */
  readonly differences: readonly Found[];
  /** Kept differences: id and how often. */
  readonly kept: ReadonlyMap<string, number>;
}

/** Runs random programs on all targets, or those that `only` names. */
export async function campaign(options: RandomOptions): Promise<TargetResult[]> {
  const [name, number] = (options.only ?? "").split("#");
  const targets = name === ""
    ? TARGETS
    : TARGETS.filter((t) => t.name === name || t.name.startsWith(`${name}-`));
  if (targets.length === 0) targetOf(name);
  const results: TargetResult[] = [];
  for (const target of targets) results.push(await runTarget(target, number, options));
  return results;
}

async function runTarget(
  target: Target,
  number: string | undefined,
  options: RandomOptions,
): Promise<TargetResult> {
  const { programs, seed, onProgress = () => {}, enough = ENOUGH, worlds } = options;
  const indices = number === undefined ? Array.from({ length: programs }, (_, i) => i) : [Number(number)];
  const pair = new Pair(target, worlds);
  const kept = new Map<string, number>();
  const differences: Found[] = [];
  const started = performance.now();
  let steps = 0, done = 0;
  try {
    for (const index of indices) {
      const program = generate(target.name, seed, index);
      steps += program.steps.length;
      done++;
      const verdict = await pair.judge(program);
      if (verdict.found !== undefined && verdict.kept !== undefined) {
        kept.set(verdict.kept, (kept.get(verdict.kept) ?? 0) + 1);
      } else if (verdict.found !== undefined) {
        const shortest = options.keepLong ? verdict.found : await shortestOf(verdict.found, pair);
        differences.push(shortest);
        onProgress(show(shortest) + "\n");
        if (differences.length >= enough) break;
      }
      if (done % 1000 === 0) onProgress(`${target.name}: ${done} programs\n`);
    }
  } finally {
    await pair.close();
  }
  const seconds = (performance.now() - started) / 1000;
  return { target: target.name, programs: done, steps, seconds, races: pair.races, differences, kept };
}

/** The shortest program that shows an unexplained difference, looked at once more. */
async function shortestOf(found: Found, pair: Pair): Promise<Found> {
  const gone = (f: Found) => `${f.simulated.at(-1)?.gone} ${f.qemu.at(-1)?.gone}`;
  const program = await shrink(found.program, async (p) => {
    const { found: now, kept } = await pair.quick(p);
    // It must not slip into another difference: a machine that goes away is one of its own.
    return now !== undefined && kept === undefined && gone(now) === gone(found) &&
      now.difference.fields.some((f) => found.difference.fields.includes(f));
  });
  return (await pair.judge(program)).found ?? found;
}
