import { element, escape } from "../../xml.ts";
import type { Report } from "../report.ts";
import type { Rule } from "../rule.ts";
import { terminalReport } from "./terminal.ts";

/**
 * Reports for CI: a test case for each rule, failed where a violation was found. What warnings and notes say is the output
 * of a case that passes.
 */
export function junitReports(reports: readonly Report[], rules: readonly Rule[]): string {
  const cases = rules.map((rule) => {
    const mine = reports.filter((r) => r.rule === rule.id);
    const text = mine.map((r) => terminalReport(r)).join("\n");
    const failed = mine.some((r) => r.level === "violation");
    const body = failed
      ? element("failure", { message: mine[0].found }, escape(text))
      : text === ""
      ? ""
      : element("system-out", {}, escape(text));
    return { failed, text: element("testcase", { classname: rule.section, name: rule.id }, body) };
  });
  const failures = cases.filter((c) => c.failed).length;
  const body = `\n${cases.map((c) => c.text).join("\n")}\n`;
  const suite = element("testsuite", { name: "strict", tests: cases.length, failures }, body);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${
    element("testsuites", { name: "strict" }, `\n${suite}\n`)
  }\n`;
}
