import { CLAUSES, entries, STATES } from "../../spec/clauses/mod.ts";
import { type Files, findProblems, type MistakeInfo, withoutRedTest } from "./check.ts";
import { type ClausesOptions } from "./options.ts";
import { countTable, rowsJson, rowText } from "./print.ts";
import { kindsOf, makeRows, needsRule, type Row, type RuleInfo } from "./table.ts";

/** What stands outside the table: the rules, what is planted for them, and the sources of their tests. */
export interface Surroundings {
  readonly files: Files;
  readonly rules: readonly RuleInfo[];
  readonly mistakes: readonly MistakeInfo[];
  readonly tests: readonly string[];
}

/** What is printed, and the exit status. */
export interface Answer {
  readonly out: string;
  readonly problems: readonly string[];
  readonly status: 0 | 1;
}

/** Makes the table, checks it, and answers what the options ask. */
export function run(options: ClausesOptions, around: Surroundings): Answer {
  const list = entries(STATES);
  const problems = findProblems(CLAUSES, list, around.rules, around.files);
  const rows = makeRows(CLAUSES, new Map(list), around.rules);
  const asked = rows.filter((row) => isAsked(row, options));
  const bare = options.driver ? withoutRedTest(around.rules, around.mistakes, around.tests) : [];
  const missing = options.driver ? asked : [];
  return {
    out: print(asked, bare, options),
    problems,
    status: problems.length > 0 || missing.length > 0 || bare.length > 0 ? 1 : 0,
  };
}

function isAsked(row: Row, { section, state, driver }: ClausesOptions): boolean {
  const text = section?.toLowerCase();
  const { id, section: own } = row.clause;
  if (text !== undefined && !own.toLowerCase().includes(text) && !id.toLowerCase().includes(text)) {
    return false;
  }
  if (state !== undefined && !kindsOf(row).some((kind) => kind === state)) return false;
  return !driver || needsRule(row);
}

function print(rows: readonly Row[], bare: readonly string[], options: ClausesOptions): string {
  if (options.json) return rowsJson(rows);
  if (options.driver) {
    return [
      ...rows.map(rowText),
      `${rows.length} MUST and MUST NOT of drivers without a rule and without a reason`,
      ...bare.map((id) => `rule ${id}: no red test`),
      `${bare.length} rules without a red test`,
    ].join("\n");
  }
  const single = options.section !== undefined || options.state !== undefined;
  if (rows.length === 0) return "no such clause";
  return [...single ? [...rows.map(rowText), ""] : [], countTable(rows)].join("\n");
}
