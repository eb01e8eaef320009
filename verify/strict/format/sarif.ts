import type { Frame, Report } from "../report.ts";
import type { Rule } from "../rule.ts";
import { terminalReport } from "./terminal.ts";

const LEVELS = { violation: "error", warning: "warning", note: "note" } as const;

/** Reports as SARIF 2.1.0, as code hosts and editors show them: next to the driver's line. */
export function sarifReports(reports: readonly Report[], rules: readonly Rule[], version: string): string {
  const driver = {
    name: "Pagurus strict",
    version,
    rules: rules.map((rule) => ({
      id: rule.id,
      shortDescription: { text: rule.title },
      help: { text: `${rule.section}. ${rule.hint}` },
      properties: { clauses: rule.clauses },
      defaultConfiguration: { level: LEVELS[rule.level] },
    })),
  };
  const results = reports.map((report) => ({
    ruleId: report.rule,
    ruleIndex: rules.findIndex((r) => r.id === report.rule),
    level: LEVELS[report.level],
    message: { text: terminalReport(report).trimEnd() },
    locations: report.place.slice(0, 1).map(location),
    ...(report.place.length === 0 ? {} : {
      stacks: [{
        message: { text: "the driver" },
        frames: report.place.map((f) => ({ location: location(f) })),
      }],
    }),
    occurrenceCount: report.count,
    properties: {
      device: report.device,
      queue: report.queue,
      time: report.time,
      event: report.event,
      found: report.found,
      expected: report.expected,
      evidence: report.evidence,
    },
  }));
  const run = { tool: { driver }, results, columnKind: "utf16CodeUnits" };
  return JSON.stringify(
    { $schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] },
    undefined,
    2,
  ) + "\n";
}

function location({ file, line, column, name }: Frame) {
  return {
    physicalLocation: {
      artifactLocation: /^[a-z]+:/.test(file) ? { uri: file } : { uri: file, uriBaseId: "SRCROOT" },
      region: { startLine: line, startColumn: column },
    },
    ...(name === "" ? {} : { logicalLocations: [{ name, kind: "function" }] }),
  };
}
