import { IMPLEMENTED, type State } from "../../spec/clauses/mod.ts";
import { type Count, countRows, kindsOf, type Row } from "./table.ts";

/**
 * The counts by section, and of the sections that we implement together. At the end the MUST and MUST NOT of drivers, and
 * those of them with neither a rule nor a reason why there is none.
 */
export function countTable(rows: readonly Row[]): string {
  const counts = countRows(rows);
  const head = [
    "section",
    "clauses",
    "rule",
    "device",
    "tested",
    "deviates",
    "not offered",
    "not checkable",
    "open",
    "driver MUST",
    "without rule",
  ];
  const own = counts.filter((count) => IMPLEMENTED.includes(count.section));
  const lines = [head, ...own.map(columns)];
  if (own.length > 1) lines.push(columns(sum("these together", own)));
  lines.push(...counts.filter((count) => !IMPLEMENTED.includes(count.section)).map(columns));
  if (counts.length > own.length && counts.length > 1) lines.push(columns(sum("all", counts)));
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines.map((line) =>
    line.map((text, i) => i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i])).join("  ").trimEnd()
  ).join("\n");
}

function columns(count: Count): string[] {
  const { states, clauses, open } = count;
  const percent = clauses === 0 ? 0 : 100 * open / clauses;
  return [
    count.section,
    ...[clauses, states.rule, states.device, states.test, states.deviates, states.notOffered].map(String),
    String(states.notCheckable),
    `${open} (${percent.toFixed(1)} %)`,
    String(count.driver),
    String(count.driverMissing),
  ];
}

function sum(section: string, counts: readonly Count[]): Count {
  const add = (f: (count: Count) => number) => counts.reduce((n, count) => n + f(count), 0);
  const kinds = Object.keys(counts[0].states) as (keyof Count["states"])[];
  return {
    section,
    clauses: add((c) => c.clauses),
    driver: add((c) => c.driver),
    driverMissing: add((c) => c.driverMissing),
    open: add((c) => c.open),
    states: Object.fromEntries(kinds.map((kind) => [kind, add((c) => c.states[kind])])) as Count["states"],
  };
}

/** A clause with what stands for it, over several lines. */
export function rowText(row: Row): string {
  const { id, role, level, summary } = row.clause;
  return [
    id,
    `    ${role} ${level}: ${summary}`,
    ...row.rules.map((rule) => `    rule ${rule}`),
    ...row.states.map((state) => `    ${stateText(state)}`),
  ].join("\n");
}

function stateText(state: State): string {
  switch (state.kind) {
    case "test":
      return `tested by ${state.test.file}: ${state.test.name}`;
    case "device":
      return `enforced by ${state.file}` +
        (state.test === undefined ? "" : `, tested by ${state.test.file}: ${state.test.name}`);
    case "deviates":
      return `deviates: ${state.how}; tested by ${state.test.file}: ${state.test.name}`;
    case "notOffered":
      return `not offered: ${state.reason}`;
    case "notCheckable":
      return `not checkable: ${state.reason}`;
    case "open":
      return `open: ${state.missing}`;
  }
}

/** The rows as JSON: one object for each clause. */
export function rowsJson(rows: readonly Row[]): string {
  const list = rows.map((row) => {
    const { id, section, role, level, summary } = row.clause;
    return { id, section, role, level, summary, is: kindsOf(row), rules: row.rules, states: row.states };
  });
  return JSON.stringify(list, undefined, 2);
}
