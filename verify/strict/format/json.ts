import type { Report } from "../report.ts";

/** Reports as JSON: `{version, reports}`; the fields are those of {@link Report}. */
export function jsonReports(reports: readonly Report[], dropped: number): string {
  return JSON.stringify({ version: 1, reports, dropped }, undefined, 2) + "\n";
}
