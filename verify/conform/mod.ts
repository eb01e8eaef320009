/**
 * The same questions to the simulated machine and to the real QEMU: registers, probes, random driver programs.
 * `deno task conform`.
 */
import { type Check, select, type Selection } from "./check.ts";
import { netChecks } from "./net.ts";
import { probeChecks } from "./probes/mod.ts";
import { staticChecks } from "./static/mod.ts";

export type { Check, Selection, Value } from "./check.ts";
export { DIFFERENCES, type KeptDifference } from "./differences.ts";
export { foreignRow, judge, type Row, type Stale, staleEntries, type Verdict } from "./judge.ts";
export { passed, type Report, summary } from "./report.ts";
export { type Result, runChecks, type Worlds } from "./run.ts";
export { jsonReport } from "./json.ts";
export { junitReport } from "./junit.ts";
export { ending, heading, rowText, table } from "./table.ts";

/** Every check of the first two parts. */
export const BATTERY: readonly Check[] = [...staticChecks, ...probeChecks, ...netChecks];

/** The checks of the first two parts that a selection names. */
export const checksOf = (selection: Selection): Check[] => select(BATTERY, selection);
