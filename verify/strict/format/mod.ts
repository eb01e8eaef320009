/** Reports of the strict machine in the forms that people and programs read. */
import type { Report } from "../report.ts";
import type { Rule } from "../rule.ts";
import { jsonReports } from "./json.ts";
import { junitReports } from "./junit.ts";
import { sarifReports } from "./sarif.ts";
import { summary, terminalReport } from "./terminal.ts";

export { machineText } from "./machine.ts";
export { summary, terminalReport } from "./terminal.ts";

export const FORMATS = ["text", "json", "junit", "sarif"] as const;
export type Format = typeof FORMATS[number];

/** The format that a file's name asks for: `.json`, `.xml` (JUnit), `.sarif`; anything else is text. */
export function formatOf(file: string): Format {
  if (/\.json$/i.test(file)) return "json";
  if (/\.xml$/i.test(file)) return "junit";
  return /\.sarif$/i.test(file) ? "sarif" : "text";
}

/** All reports in one format. */
export function formatReports(
  format: Format,
  reports: readonly Report[],
  about: { readonly rules: readonly Rule[]; readonly dropped: number; readonly version: string },
): string {
  switch (format) {
    case "json":
      return jsonReports(reports, about.dropped);
    case "junit":
      return junitReports(reports, about.rules);
    case "sarif":
      return sarifReports(reports, about.rules, about.version);
    case "text":
      return reports.map((r) => `${terminalReport(r)}\n`).join("") + summary(reports, about.dropped) + "\n";
  }
}
