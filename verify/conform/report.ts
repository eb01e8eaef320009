import { DIFFERENCES } from "./differences.ts";
import { count, type Row, type Stale } from "./judge.ts";

/** What a run of the battery showed, for the reports. */
export interface Report {
  /** QEMU's own words: `7.2.22 (Debian ...)`. */
  readonly qemuVersion: string;
  readonly rows: readonly Row[];
  readonly stale: readonly Stale[];
}

/** Whether nothing is unexplained and nothing is out of date. */
export const passed = ({ rows, stale }: Report): boolean =>
  stale.length === 0 && rows.every((row) => row.verdict !== "differs");

/** `same`, `kept: id`, `DIFFERS`. */
export function verdictWords({ verdict, kept }: Row): string {
  return verdict === "same" ? "same" : verdict === "kept" ? `kept: ${kept.join(", ")}` : "DIFFERS";
}

/** The last line. */
export function summary({ rows, stale }: Report): string {
  const { same, kept, differs } = count(rows);
  const ids = new Set(rows.flatMap((row) => row.kept));
  const parts = [
    `${rows.length} checks`,
    `${same} same`,
    `${kept} differ as they should (${ids.size} of ${DIFFERENCES.length} kept differences)`,
    `${differs} differ`,
  ];
  if (stale.length > 0) parts.push(`${stale.length} out of date in differences.ts`);
  return parts.join(", ");
}
