import { DIFFERENCES } from "./differences.ts";
import type { Row } from "./judge.ts";
import { type Report, summary, verdictWords } from "./report.ts";

/** Most characters of an observation in a line. */
const SHORT = 96;
const CHECK_WIDTH = 58, SPEC_WIDTH = 24, VALUE_WIDTH = 32;

const cut = (text: string, width: number) => text.length <= width ? text : `${text.slice(0, width - 3)}...`;
const cell = (text: string, width: number) => cut(text, width).padEnd(width);

/** The first line of the table; QEMU's version without its packager's words. */
export function heading(qemuVersion: string): string {
  const version = qemuVersion.split(" ")[0];
  return line("check", "spec", "simulated", `qemu ${version}`);
}

/** A check's line, and the lines below it that show a difference. */
export function rowText(row: Row): string {
  if (row.verdict === "same") {
    return line(row.check, row.spec, row.part === "random" ? row.simulated : "", "same");
  }
  const lines = [line(row.check, row.spec, row.simulated, verdictWords(row))];
  if (row.part !== "random") {
    lines.push(`    simulated: ${cut(row.simulated, SHORT)}`, `    qemu:      ${cut(row.qemu, SHORT)}`);
  } else lines.push(`    ${row.qemu}`);
  if (row.detail !== undefined) lines.push(...row.detail.split("\n").map((l) => `    ${l}`));
  return lines.join("\n");
}

/** What follows the table: the kept differences that occurred, what is out of date, and the sum. */
export function ending(report: Report): string {
  const lines: string[] = [];
  const ids = new Set(report.rows.flatMap((row) => row.kept));
  const occurred = DIFFERENCES.filter((d) => ids.has(d.id));
  if (occurred.length > 0) lines.push("", "Kept differences:");
  for (const { id, simulated, qemu, reason } of occurred) {
    lines.push(`  ${id}`, `    simulated: ${simulated}`, `    qemu:      ${qemu}`, `    ${reason}`);
  }
  if (report.stale.length > 0) lines.push("", "Out of date in verify/conform/differences.ts:");
  for (const { id, why } of report.stale) lines.push(`  ${id}: ${why}`);
  lines.push("", summary(report));
  return lines.join("\n");
}

/** The whole table. */
export function table(report: Report): string {
  return [heading(report.qemuVersion), ...report.rows.map(rowText), ending(report)].join("\n");
}

function line(check: string, spec: string, simulated: string, qemu: string): string {
  // A name is never cut: it is what --filter takes.
  const name = check.padEnd(CHECK_WIDTH);
  return `${name} | ${cell(spec, SPEC_WIDTH)} | ${cell(simulated, VALUE_WIDTH)} | ${qemu}`;
}
