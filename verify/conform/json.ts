import { DIFFERENCES } from "./differences.ts";
import { count } from "./judge.ts";
import { passed, type Report } from "./report.ts";

/** Characters of an observation that both worlds share; where they differ, all of it is there. */
const SHARED = 200;

/** The report for programs. */
export function jsonReport(report: Report): string {
  const { qemuVersion, rows, stale } = report;
  const ids = new Set(rows.flatMap((row) => row.kept));
  return JSON.stringify(
    {
      format: "pagurus-conform/1",
      qemu: qemuVersion,
      passed: passed(report),
      counts: count(rows),
      rows: rows.map(({ simulated, qemu, ...row }) =>
        row.verdict === "same" ? { ...row, both: simulated.slice(0, SHARED) } : { ...row, simulated, qemu }
      ),
      kept: DIFFERENCES.filter((d) => ids.has(d.id)).map(({ id, simulated, qemu, reason }) => ({
        id,
        simulated,
        qemu,
        reason,
      })),
      stale,
    },
    null,
    1,
  ) + "\n";
}
