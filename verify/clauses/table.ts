import { type Clause, type State } from "../../spec/clauses/mod.ts";

/** What the table needs to know of a rule of `verify/strict`. */
export interface RuleInfo {
  readonly id: string;
  readonly clauses: readonly string[];
}

/** A clause with everything that stands for it. */
export interface Row {
  readonly clause: Clause;
  /** Ids of the rules that name it. */
  readonly rules: readonly string[];
  /** Its entry. `open` is left out where there is anything else. */
  readonly states: readonly State[];
  /** Nothing stands for it. */
  readonly open: boolean;
}

/** Counts of one section. */
export interface Count {
  readonly section: string;
  readonly clauses: number;
  /** Driver MUST and MUST NOT, and those of them that {@link needsRule}. */
  readonly driver: number;
  readonly driverMissing: number;
  readonly open: number;
  readonly states: Readonly<Record<StateKind, number>>;
}
export type StateKind = "rule" | State["kind"];

/** One row for each clause, in order. */
export function makeRows(
  clauses: readonly Clause[],
  entries: ReadonlyMap<string, readonly State[]>,
  rules: readonly RuleInfo[],
): Row[] {
  const byClause = new Map<string, string[]>();
  for (const rule of rules) {
    for (const id of rule.clauses) byClause.set(id, [...byClause.get(id) ?? [], rule.id]);
  }
  return clauses.map((clause) => {
    const rules = byClause.get(clause.id) ?? [];
    const all = entries.get(clause.id) ?? [];
    const done = all.filter((state) => state.kind !== "open");
    const states = done.length > 0 || rules.length > 0 ? done : all;
    return { clause, rules, states, open: rules.length === 0 && done.length === 0 };
  });
}

/** What a row is, the rules first. */
export function kindsOf(row: Row): StateKind[] {
  return [...row.rules.length > 0 ? ["rule" as const] : [], ...new Set(row.states.map((s) => s.kind))];
}

const isDriverMust = ({ role, level }: Clause) => role === "driver" && level.startsWith("MUST");

/** Whether it is a MUST or MUST NOT of drivers for which there is neither a rule nor a reason why there can be none. */
export function needsRule(row: Row): boolean {
  return isDriverMust(row.clause) && row.rules.length === 0 &&
    !row.states.some((s) => s.kind === "notOffered" || s.kind === "notCheckable");
}

/** The counts of each section, in order. */
export function countRows(rows: readonly Row[]): Count[] {
  const sections = [...new Set(rows.map((row) => row.clause.section))];
  return sections.map((section) => {
    const own = rows.filter((row) => row.clause.section === section);
    const states = { rule: 0, device: 0, test: 0, deviates: 0, notOffered: 0, notCheckable: 0, open: 0 };
    for (const row of own) for (const kind of kindsOf(row)) states[kind]++;
    return {
      section,
      clauses: own.length,
      driver: own.filter((row) => isDriverMust(row.clause)).length,
      driverMissing: own.filter(needsRule).length,
      open: own.filter((row) => row.open).length,
      states,
    };
  });
}
