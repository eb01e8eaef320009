import { element, escape } from "../xml.ts";
import type { Row } from "./judge.ts";
import { type Report, verdictWords } from "./report.ts";

const PARTS: readonly Row["part"][] = ["static", "probes", "random"];

/** The report for CI: a suite for each part, and one for the list of kept differences. */
export function junitReport({ qemuVersion, rows, stale }: Report): string {
  const suites = PARTS.map((part) => suite(part, rows.filter((row) => row.part === part).map(testCase)))
    .filter((text) => text !== "");
  if (stale.length > 0) {
    suites.push(suite(
      "kept differences",
      stale.map(({ id, why }) => ({
        failed: true,
        text: element("testcase", { classname: "differences", name: id }, failure("out of date", why)),
      })),
    ));
  }
  const body = `\n${suites.join("\n")}\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${
    element("testsuites", { name: `conform, QEMU ${qemuVersion}` }, body)
  }\n`;
}

interface Case {
  readonly failed: boolean;
  readonly text: string;
}

function suite(name: string, cases: readonly Case[]): string {
  if (cases.length === 0) return "";
  const failures = cases.filter((c) => c.failed).length;
  return element(
    "testsuite",
    { name, tests: cases.length, failures },
    `\n${cases.map((c) => c.text).join("\n")}\n`,
  );
}

function testCase(row: Row): Case {
  const at = row.check.lastIndexOf("/");
  const names = { classname: row.check.slice(0, Math.max(0, at)) || row.part, name: row.check.slice(at + 1) };
  const both = `${row.spec}\nsimulated: ${row.simulated}\nqemu: ${row.qemu}\n${row.detail ?? ""}`;
  if (row.verdict === "differs") {
    return {
      failed: true,
      text: element("testcase", names, failure(row.detail?.split("\n")[0] ?? "differs", both)),
    };
  }
  const note = row.verdict === "kept"
    ? element("system-out", {}, escape(`${verdictWords(row)}\n${both}`))
    : "";
  return { failed: false, text: element("testcase", names, note) };
}

const failure = (message: string, text: string) => element("failure", { message }, escape(text));
