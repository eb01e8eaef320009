import type { Observation } from "./execute.ts";

/** The first place where two runs of one program differ. */
export interface Difference {
  /** Number of the step; the number of steps for the end. */
  readonly step: number;
  /** What of the observation: `status`, `memory`, ... */
  readonly fields: readonly (keyof Observation)[];
}

const FIELDS = ["gone", "value", "status", "isr", "lines", "mail", "memory", "output", "end"] as const;

/** Where two runs differ first, or undefined. */
export function compareRuns(a: readonly Observation[], b: readonly Observation[]): Difference | undefined {
  for (let step = 0; step < Math.max(a.length, b.length); step++) {
    const fields = FIELDS.filter((f) => a[step]?.[f] !== b[step]?.[f]);
    if (fields.length > 0) return { step, fields };
  }
  return undefined;
}
