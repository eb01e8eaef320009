import type { Report } from "../../verify/strict/report.ts";
import type { Exhibit, Expected, Piece } from "./piece.ts";
import { isExhibit } from "./piece.ts";
import type { Seen } from "./perform.ts";

export type Verdict = "caught" | "missed" | "not green" | "needs explorer" | "not here";

/** What came of a piece. */
export interface Outcome {
  readonly id: string;
  readonly number: number;
  readonly kin: boolean;
  readonly fix: string;
  readonly title: string;
  readonly verdict: Verdict;
  /** By what: a rule's id, `golden traces`, a file of tests. */
  readonly by?: string;
  readonly clauses?: readonly string[];
  /** The report's first line; of what was missed, what was seen instead. */
  readonly words: string;
}

/** All that a report says, in lines. */
export function reportText(report: Report): string {
  const { title, found, expected, hint, section, evidence } = report;
  return [title, found, expected, hint, section, ...evidence.map(({ what, value }) => `${what} ${value}`)]
    .join("\n");
}

/** The report that was expected, or undefined. */
export function reportOf(expected: Expected, reports: readonly Report[]): Report | undefined {
  return reports.find((report) =>
    report.rule === expected.rule &&
    (expected.clause === undefined || report.clauses.includes(expected.clause)) &&
    expected.words.test(reportText(report))
  );
}

const label = (piece: Piece) => ({
  id: piece.id,
  number: piece.number,
  kin: isExhibit(piece) && piece.kin === true,
  fix: piece.fix,
  title: piece.title,
});
const lastLines = (text: string) => text.trim().split("\n").slice(-3).join(" | ");

/** Judges what was seen with a mistake planted, and without. */
export function judge(piece: Exhibit, planted: Seen, clean: Seen): Outcome {
  const said = { ...label(piece) };
  if (!clean.green) {
    const [first] = clean.reports;
    const words = first === undefined ? lastLines(clean.text) : `${first.rule}: ${first.found}`;
    return { ...said, verdict: "not green", words: `without the mistake: ${words}` };
  }
  const { expected, scenario } = piece;
  if (expected.rule === undefined) {
    const found = planted.green ? null : expected.words.exec(planted.text);
    const by = scenario.kind === "golden"
      ? "golden traces"
      : scenario.kind === "test"
      ? scenario.file
      : "a run";
    if (found !== null) return { ...said, verdict: "caught", by, words: lineAt(planted.text, found.index) };
    return { ...said, verdict: "missed", words: lastLines(planted.text) };
  }
  const report = reportOf(expected, planted.reports);
  if (report !== undefined) {
    return {
      ...said,
      verdict: "caught",
      by: report.rule,
      clauses: report.clauses,
      words: `${report.found} (expected: ${report.expected})`,
    };
  }
  const others = planted.reports.slice(0, 3).map(({ rule, found }) => `${rule}: ${found}`);
  return {
    ...said,
    verdict: "missed",
    words: others.length > 0 ? others.join(" | ") : lastLines(planted.text),
  };
}

/** What there is to say of a piece that is not run. */
export function unrun(piece: Exclude<Piece, Exhibit>): Outcome {
  return "notHere" in piece
    ? { ...label(piece), verdict: "not here", words: piece.notHere }
    : { ...label(piece), verdict: "needs explorer", words: "only another order of memory accesses shows it" };
}

function lineAt(text: string, index: number): string {
  const from = text.lastIndexOf("\n", index) + 1;
  const end = text.indexOf("\n", index);
  return text.slice(from, end < 0 ? undefined : end).trim();
}

/** One piece as it is printed. */
export function show({ id, fix, title, verdict, by, clauses = [], words }: Outcome): string {
  const head = `${id.padEnd(7)} ${(fix || "-").padEnd(9)} ${title}`;
  const clause = clauses.length === 0 ? "" : ` (${clauses[0].replace(/^\w+:/, "")})`;
  const line = {
    caught: `caught by ${by}${clause}: ${words}`,
    missed: `MISSED: ${words}`,
    "not green": `NOT GREEN: ${words}`,
    "needs explorer": `needs: explorer: ${words}`,
    "not here": `not here: ${words}`,
  }[verdict];
  return `${head}\n        ${line}`;
}
