import { type Detail, show } from "./compare.ts";
import { DIFFERENCES, type KeptDifference } from "./differences.ts";
import type { Result } from "./run.ts";

/** What a check comes to. */
export type Verdict = "same" | "kept" | "differs";

/** One line of the reports. */
export interface Row {
  readonly check: string;
  readonly title: string;
  readonly spec: string;
  readonly part: "static" | "probes" | "random";
  readonly verdict: Verdict;
  /** Ids of kept differences that occurred. */
  readonly kept: readonly string[];
  /** Observations as text; short enough for people where they are equal. */
  readonly simulated: string;
  readonly qemu: string;
  /** Where they part, or the steps that show it. */
  readonly detail: string | undefined;
}

/** A kept difference that the battery did not show: it has no place in the list any more. */
export interface Stale {
  readonly id: string;
  readonly why: string;
}

/** Judges one result: equal, kept on purpose, or unexplained. */
export function judge(result: Result, kept: readonly KeptDifference[] = DIFFERENCES): Row {
  const { check, simulated, qemu, difference } = result;
  const base = {
    check: check.id,
    title: check.title,
    spec: check.spec,
    part: check.kind === "static" ? "static" as const : "probes" as const,
    simulated: show(simulated),
    qemu: show(qemu),
  };
  if (difference === undefined) return { ...base, verdict: "same", kept: [], detail: undefined };
  const entry = kept.find((k) => k.checks.includes(check.id) && k.is(simulated, qemu));
  return {
    ...base,
    verdict: entry === undefined ? "differs" : "kept",
    kept: entry === undefined ? [] : [entry.id],
    detail: describe(difference),
  };
}

/** The row of a part that judges by itself (random programs). */
export function foreignRow(row: {
  check: string;
  spec: string;
  verdict: Verdict;
  simulated: string;
  qemu: string;
  detail?: string;
  kept?: readonly string[];
}): Row {
  const { check, spec, verdict, simulated, qemu, detail, kept = [] } = row;
  return { check, title: check, spec, part: "random", verdict, kept, simulated, qemu, detail };
}

/** Which parts of the battery were run as a whole. */
export interface Whole {
  readonly checks: boolean;
  readonly programs: boolean;
}

/**
 * Entries that did not occur, judged by what was run: what was left out says nothing. If all checks were run, every one
 * that an entry names must have been there; if all programs were, an entry without checks must have occurred in them.
 */
export function staleEntries(
  rows: readonly Row[],
  whole: Whole,
  kept: readonly KeptDifference[] = DIFFERENCES,
): Stale[] {
  const byCheck = new Map(rows.map((row) => [row.check, row]));
  const stale: Stale[] = [];
  for (const { id, checks } of kept) {
    for (const check of checks) {
      const row = byCheck.get(check);
      if (row === undefined && whole.checks) stale.push({ id, why: `there is no check ${check}` });
      else if (row?.verdict === "same") stale.push({ id, why: `${check} does not differ any more` });
    }
    if (whole.programs && checks.length === 0 && !rows.some((row) => row.kept.includes(id))) {
      stale.push({ id, why: "no random program shows it" });
    }
  }
  for (const id of new Set(rows.flatMap((row) => row.kept))) {
    if (!kept.some((k) => k.id === id)) stale.push({ id, why: "it occurs, but there is no entry for it" });
  }
  return stale;
}

/** How many rows came to what. */
export function count(rows: readonly Row[]): Record<Verdict, number> {
  const counts = { same: 0, kept: 0, differs: 0 };
  for (const row of rows) counts[row.verdict]++;
  return counts;
}

const describe = ({ path, simulated, qemu }: Detail) =>
  `${path === "" ? "" : `at ${path}: `}simulated ${simulated}, qemu ${qemu}`;
