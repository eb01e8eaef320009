import type { Clause, State, TestName } from "../../spec/clauses/mod.ts";
import type { RuleInfo } from "./table.ts";
import { hasTest } from "./test_names.ts";

/** What a check sees of the repository. Paths are from its top. */
export interface Files {
  /** A file's text; undefined if there is none. */
  read(path: string): string | undefined;
}

/** What a rule's red test is: something wrong that must be reported under its name. */
export interface MistakeInfo {
  readonly id: string;
  /** Id of the rule that must report it. */
  readonly rule: string;
}

/** Whether every clause has an entry or a rule, and everything that is named exists. The problems, in order. */
export function findProblems(
  clauses: readonly Clause[],
  entries: readonly (readonly [id: string, states: readonly State[]])[],
  rules: readonly RuleInfo[],
  files: Files,
): string[] {
  const known = new Set(clauses.map((clause) => clause.id));
  const stated = new Set<string>();
  const problems: string[] = [];
  const texts = new Map<string, string | undefined>();
  const read = (path: string) => {
    if (!texts.has(path)) texts.set(path, files.read(path));
    return texts.get(path);
  };
  for (const [id, states] of entries) {
    if (!known.has(id)) problems.push(`${id}: there is no such clause, but it has a state`);
    if (stated.has(id)) problems.push(`${id}: has two entries`);
    stated.add(id);
    if (states.length === 0) problems.push(`${id}: has an empty entry`);
    for (const state of states) problems.push(...problemsOf(state, read).map((text) => `${id}: ${text}`));
  }
  const named = new Set<string>();
  const ids = new Set<string>();
  for (const rule of rules) {
    if (ids.has(rule.id)) problems.push(`rule ${rule.id}: there are two of this id`);
    ids.add(rule.id);
    for (const id of rule.clauses) {
      if (!known.has(id)) problems.push(`rule ${rule.id}: there is no clause ${id}`);
      named.add(id);
    }
  }
  for (const { id } of clauses) {
    if (!stated.has(id) && !named.has(id)) problems.push(`${id}: has neither a state nor a rule`);
  }
  return problems;
}

function problemsOf(state: State, read: (path: string) => string | undefined): string[] {
  switch (state.kind) {
    case "test":
      return testProblems(state.test, read);
    case "deviates":
      return [...wordProblems(state.how), ...testProblems(state.test, read)];
    case "device": {
      const missing = read(state.file) === undefined ? [`there is no file ${state.file}`] : [];
      return state.test === undefined ? missing : [...missing, ...testProblems(state.test, read)];
    }
    case "notOffered":
    case "notCheckable":
      return wordProblems(state.reason);
    case "open":
      return wordProblems(state.missing);
  }
}

function testProblems({ file, name }: TestName, read: (path: string) => string | undefined): string[] {
  const source = read(file);
  if (source === undefined) return [`there is no file ${file}`];
  return hasTest(source, name) ? [] : [`${file} has no test "${name}"`];
}

function wordProblems(words: string): string[] {
  return words.trim().length < 5 ? [`"${words}" is no reason`] : [];
}

/** Rules for which no mistake is planted, and which no test expects in a report. */
export function withoutRedTest(
  rules: readonly RuleInfo[],
  mistakes: readonly MistakeInfo[],
  tests: readonly string[],
): string[] {
  const planted = new Set(mistakes.map((mistake) => mistake.rule));
  return rules.map((rule) => rule.id).filter((id) =>
    !planted.has(id) && !tests.some((source) => expects(source, id))
  );
}

/** Whether a source has a rule's id as a text of its own, or at the head of a report (`violation ID: ...`). */
function expects(source: string, id: string): boolean {
  return source.includes(`"${id}"`) ||
    ["violation", "warning", "note"].some((level) => source.includes(`${level} ${id}:`));
}
