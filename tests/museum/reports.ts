import type { Report } from "../../verify/strict/report.ts";

/** Makes `main.ts` watch the rules and write what was found into a file. */
export function strictWords(file: string): string[] {
  return ["--strict", "--strict-report", file];
}

/** Such a file of a run that did not get so far as to write one. */
export const NO_REPORTS = '{"version": 1, "reports": []}';

/** The reports of a file that `--strict-report` wrote. @throws {Error} if it is none. */
export function readReports(text: string): readonly Report[] {
  const { version, reports } = JSON.parse(text);
  if (version !== 1 || !Array.isArray(reports)) throw new Error("not a file of reports, version 1");
  return reports;
}
