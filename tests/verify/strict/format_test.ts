import { assert, assertEquals } from "@std/assert";
import { formatReports } from "../../../verify/strict/format/mod.ts";
import { type Report, RULES } from "../../../verify/strict/mod.ts";
import { onceTest } from "../../support/once.ts";

/** What SARIF 2.1.0 (OASIS, 3) lets objects have, as far as they occur here, and what they must have (`!`). */
const OBJECTS: Readonly<Record<string, string>> = {
  log: "$schema version! runs!",
  run: "tool! results columnKind",
  tool: "driver!",
  component: "name! version rules",
  rule: "id! shortDescription help properties defaultConfiguration",
  configuration: "level",
  text: "text!",
  result: "ruleId ruleIndex level message! locations stacks occurrenceCount properties",
  location: "physicalLocation logicalLocations",
  physical: "artifactLocation! region",
  artifact: "uri uriBaseId",
  region: "startLine! startColumn",
  logical: "name kind",
  stack: "message frames!",
  frame: "location",
};
/** Which object a property holds, or a list of. */
const HOLDS: Readonly<Record<string, string>> = {
  "log.runs": "run",
  "run.tool": "tool",
  "tool.driver": "component",
  "component.rules": "rule",
  "rule.shortDescription": "text",
  "rule.help": "text",
  "rule.defaultConfiguration": "configuration",
  "run.results": "result",
  "result.message": "text",
  "result.locations": "location",
  "result.stacks": "stack",
  "location.physicalLocation": "physical",
  "location.logicalLocations": "logical",
  "physical.artifactLocation": "artifact",
  "physical.region": "region",
  "stack.message": "text",
  "stack.frames": "frame",
  "frame.location": "location",
};
const LEVELS = ["none", "note", "warning", "error"];

/** What is wrong with a SARIF object; looks at each once. */
function wrong(kind: string, value: unknown, at: string, seen: Set<string>): string[] {
  if (typeof value !== "object" || value === null) return [`${at}: no object`];
  seen.add(kind);
  const found: string[] = [];
  const words = OBJECTS[kind].split(" ");
  const known = words.map((w) => w.replace("!", ""));
  const object = value as Record<string, unknown>;
  for (const word of words) {
    if (word.endsWith("!") && object[word.slice(0, -1)] === undefined) {
      found.push(`${at}: no ${word.slice(0, -1)}`);
    }
  }
  for (const [key, inner] of Object.entries(object)) {
    if (!known.includes(key)) found.push(`${at}: ${key}`);
    const holds = HOLDS[`${kind}.${key}`];
    if (holds !== undefined) {
      for (const [i, one] of [inner].flat().entries()) {
        found.push(...wrong(holds, one, `${at}.${key}[${i}]`, seen));
      }
    } else if (key === "level" && !LEVELS.includes(inner as string)) found.push(`${at}: level ${inner}`);
    else if (/^start|Count$/.test(key) && !(Number.isInteger(inner) && inner as number >= 1)) {
      found.push(`${at}: ${key} ${inner}`);
    }
  }
  return found;
}

/** Made-up reports: of all levels, with and without a place, with characters that formats care about. */
const REPORTS: readonly Report[] = RULES.filter((r, i) => i % 20 === 0 || r.level === "note").map((
  rule,
  i,
): Report => ({
  ...{
    rule: rule.id,
    level: rule.level,
    clauses: rule.clauses,
    section: rule.section,
    title: rule.title,
    hint: rule.hint,
  },
  device: i % 3 === 0 ? undefined : "virtio-rng-pci.0",
  queue: i % 3 === 2 ? 0 : undefined,
  time: 1000 * i,
  event: i,
  found: `a <b> & "c" \u0001 ${i}`,
  expected: "nothing",
  evidence: [{ what: "entry", address: 0x1000, value: "ff" }],
  place: i % 2 === 0 ? [] : [
    { file: "drivers/a.ts", line: 3, column: 7, name: "A.b" },
    { file: "file:///other/c.ts", line: 1, column: 1, name: "" },
  ],
  count: i + 1,
  lastTime: 2000 * i,
}));
const ABOUT = { rules: RULES, dropped: 2, version: "0.1.0" };

onceTest(
  "SARIF: objects have what version 2.1.0 knows, results name their rule and the line of the driver",
  () => {
    assert(REPORTS.length > 5);
    const log = JSON.parse(formatReports("sarif", REPORTS, ABOUT));
    const seen = new Set<string>();
    assertEquals(wrong("log", log, "log", seen), []);
    assertEquals([...seen].sort(), Object.keys(OBJECTS).sort(), "every kind of object occurs");
    assertEquals([log.version, log.runs.length, log.runs[0].columnKind], ["2.1.0", 1, "utf16CodeUnits"]);
    const { results, tool: { driver: { rules } } } = log.runs[0];
    assertEquals(rules.map((r: { id: string }) => r.id), RULES.map((r) => r.id));
    for (const [i, result] of results.entries()) {
      const report = REPORTS[i];
      assertEquals(rules[result.ruleIndex].id, report.rule);
      assertEquals(result.level, { violation: "error", warning: "warning", note: "note" }[report.level]);
      const [place] = result.locations;
      assertEquals(
        place?.physicalLocation,
        report.place.length === 0 ? undefined : {
          artifactLocation: { uri: "drivers/a.ts", uriBaseId: "SRCROOT" },
          region: { startLine: 3, startColumn: 7 },
        },
      );
    }
    assertEquals(JSON.parse(formatReports("sarif", [], ABOUT)).runs[0].results, []);
  },
);

/** The tags of a document in order, each `name` or `/name`; throws where it is not well-formed. */
function tags(xml: string): string[] {
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
  assert(body !== xml, "no declaration");
  const open: string[] = [], all: string[] = [];
  const rest = body.replace(
    /<(\/?)([a-z-]+)((?: [a-z]+="[^"<&]*(?:&[a-z]+;[^"<&]*)*")*)(\/?)>/g,
    (_, end, name, _words, empty) => {
      if (end === "/") assertEquals(open.pop(), name);
      else if (empty === "") open.push(name);
      all.push(end + name);
      return "";
    },
  );
  assertEquals(open, []);
  assertEquals(rest.replace(/&(?:lt|gt|amp|quot);/g, "").match(/[<&]/), null, "what is left is text");
  return all;
}

onceTest("JUnit: a case for each rule; a failure where a violation was found, its words escaped", () => {
  const xml = formatReports("junit", REPORTS, ABOUT);
  const found = tags(xml);
  const violations = new Set(REPORTS.filter((r) => r.level === "violation").map((r) => r.rule)).size;
  const others = new Set(REPORTS.filter((r) => r.level !== "violation").map((r) => r.rule)).size;
  assertEquals(found.filter((t) => t === "testcase").length, RULES.length);
  assertEquals(found.filter((t) => t === "failure").length, violations);
  assertEquals(found.filter((t) => t === "system-out").length, others);
  assert(xml.includes(`<testsuite name="strict" tests="${RULES.length}" failures="${violations}">`));
  assert(xml.includes("a &lt;b&gt; &amp; &quot;c&quot; \\u0001 "));
  assertEquals(tags(formatReports("junit", [], ABOUT)).includes("failure"), false);
});

onceTest("JSON and text: all of a report, and how many there were", () => {
  const { version, reports, dropped } = JSON.parse(formatReports("json", REPORTS, ABOUT));
  assertEquals([version, dropped, reports.length], [1, 2, REPORTS.length]);
  assertEquals(reports[1], JSON.parse(JSON.stringify(REPORTS[1])));
  const text = formatReports("text", REPORTS, ABOUT);
  for (const { rule, found, hint } of REPORTS) {
    assert(text.includes(`[${rule}]`) && text.includes(found) && text.includes(hint), rule);
  }
  assert(text.endsWith(", and 2 more that were not kept\n"), text.slice(-100));
});
