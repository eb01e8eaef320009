/** What a scenario said with a mistake planted, or without. */
export interface Run {
  /** Exit status; undefined: it had to be ended. */
  readonly status: number | undefined;
  readonly out: string;
  /** Rules that were reported. */
  readonly rules: readonly string[];
}

/**
 * What came of a mistake: a rule named it, the run failed or gave something else, it never ended, or nobody noticed (the
 * line was not reached, or it does not matter).
 */
export type Fate = "reported" | "failed" | "endless" | "unnoticed";

/** The worst that could be seen in any of the scenarios; a report counts most. */
export function fateOf(runs: readonly Run[], right: readonly Run[]): Fate {
  if (runs.some((r) => r.rules.length > 0)) return "reported";
  if (runs.some((r) => r.status === undefined)) return "endless";
  const other = (r: Run, i: number) => r.status !== right[i].status || plain(r.out) !== plain(right[i].out);
  return runs.some(other) ? "failed" : "unnoticed";
}

/** The rules that the reports on a terminal are of: also those of a run that had to be ended. */
export function rulesIn(text: string): string[] {
  const found = text.matchAll(/^(?:violation|warning|note): .*\[([a-z0-9-]+)\]$/gm);
  return [...new Set([...found].map(([, rule]) => rule))];
}

/** Output without times. */
const plain = (text: string) => text.replace(/\[ *\d+\.\d+\]/g, "").replace(/time[ =][\d.]+ ?\S+/g, "");
