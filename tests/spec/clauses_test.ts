/** The table of clauses: it is whole, it names what exists, and its check finds what does not. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Clause,
  clauseOf,
  CLAUSES,
  deviates,
  device,
  entries,
  IMPLEMENTED,
  notCheckable,
  notOffered,
  open,
  readSection,
  type State,
  STATES,
  test,
  tested,
} from "../../spec/clauses/mod.ts";
import { findProblems, withoutRedTest } from "../../verify/clauses/check.ts";
import { OptionError, readOptions } from "../../verify/clauses/options.ts";
import { countTable, rowsJson, rowText } from "../../verify/clauses/print.ts";
import { run, type Surroundings } from "../../verify/clauses/run.ts";
import { surroundings } from "../../verify/clauses/surroundings.ts";
import { countRows, makeRows, needsRule } from "../../verify/clauses/table.ts";
import { hasTest, testNames } from "../../verify/clauses/test_names.ts";
import { onceTest } from "../support/once.ts";

const ROOT = new URL("../../", import.meta.url);
function read(path: URL): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
function list(path: URL): string[] {
  try {
    return [...Deno.readDirSync(path)].map((e) => e.isDirectory ? `${e.name}/` : e.name);
  } catch {
    return [];
  }
}
const project = () => surroundings(ROOT, { read, list });

onceTest("the table covers every clause, and everything that it names exists", async () => {
  const { problems, status, out } = run(readOptions([]), await project());
  assertEquals([problems, status], [[], 0]);
  for (const section of IMPLEMENTED) assertStringIncludes(out, section);
});

onceTest("the clauses are those of virtio 1.4: numbers by section and level, ids unique", () => {
  assertEquals(CLAUSES.length, 803);
  assertEquals(new Set(CLAUSES.map((c) => c.id)).size, 803);
  const count = (f: (c: Clause) => boolean) => CLAUSES.filter(f).length;
  // Counted in the specification's sources.
  assertEquals(["driver", "device"].map((role) => count((c) => c.role === role)), [408, 395]);
  assertEquals(
    ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"].map((level) => count((c) => c.level === level)),
    [409, 169, 98, 32, 95],
  );
  assertEquals(IMPLEMENTED.map((s) => count((c) => c.section === s)), [81, 49, 26, 109, 44, 290, 10, 4]);
  const avail = clauseOf(
    "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Available Ring#1",
  );
  assertEquals([avail?.role, avail?.level, avail?.number], ["driver", "MUST NOT", 1]);
});

onceTest("data that cannot be read is refused by its id", () => {
  const bad = (heading: string, text: string, words: string) =>
    assertThrows(() => readSection({ section: "x", headings: { [heading]: [text] } }), Error, words);
  bad("drivernormative:A", "OUGHT: something", "drivernormative:A#1");
  bad("drivernormative:A", "MUST something", "expected LEVEL: summary");
  bad("elsewhere:A", "MUST: something", "neither heading nor text");
  assertEquals(
    readSection({ section: "x", headings: { "elsewhere:A": ["device MAY: something"] } })[0].role,
    "device",
  );
});

onceTest("entries: one for each number, ranges spread out, other keys refused", () => {
  const a = open("one"), b = open("two");
  assertEquals(entries({ h: { 1: a, "2-4": [a, b] } }), [
    ["h#1", [a]],
    ["h#2", [a, b]],
    ["h#3", [a, b]],
    ["h#4", [a, b]],
  ]);
  for (const key of ["0", "x", "4-2", "1-", "01"]) {
    assertThrows(() => entries({ h: { [key]: a } }), Error, "range");
  }
});

const SOURCE = [
  'Deno.test("a plain name", () => {});',
  'Deno.test({ name: "in an object", fn() {} });',
  'onceTest(\n  "on the next line",\n  () => {},\n);',
  "  Deno.test(`${ring}: a template with enough of its own`, () => {});",
  "Deno.test(`${a} (${b})`, () => {});",
  'both("of a wrapper", (packed) => {});',
  'Deno.test("with a \\"quote\\"", () => {});',
  '  assertEquals("no test", 1);',
  'const text = "no test either";',
  'const CASES = [["the first case", 1]];',
].join("\n");

onceTest("names of tests are found in the source, whatever makes them", () => {
  assertEquals(testNames(SOURCE).filter((name) => name === "no test" || name === "no test either"), []);
  for (
    const name of [
      "a plain name",
      "in an object",
      "on the next line",
      "of a wrapper",
      'with a "quote"',
      "${ring}: a template with enough of its own",
      "split: a template with enough of its own",
      "a plain name > the first case",
    ]
  ) assert(hasTest(SOURCE, name), name);
  for (
    const name of [
      "a plain",
      "no test",
      "no test either",
      "anything (that fits a template of nothing)",
      ": a template with enough of its own",
      "a plain name > the second case",
      "the first case",
    ]
  ) assert(!hasTest(SOURCE, name), name);
});

const CLAUSE = (id: string, role: "driver" | "device", level: Clause["level"] = "MUST"): Clause => ({
  id,
  heading: "h",
  number: 1,
  section: "S",
  role,
  level,
  summary: "it holds",
});
const FILES = { read: (path: string) => ({ "tests/x_test.ts": SOURCE, "devices/a.ts": "" })[path] };

onceTest(
  "the check names what does not exist: clause, file, test, reason, rule's clause, and what is missing",
  () => {
    const clauses = [CLAUSE("a", "device"), CLAUSE("b", "driver"), CLAUSE("c", "driver")];
    const problems = (states: [string, State[]][], rules: { id: string; clauses: string[] }[] = []) =>
      findProblems(clauses, [["a", [open("later")]], ["b", [open("later")]], ...states], rules, FILES);
    const good = tested("tests/x_test.ts", "a plain name");
    assertEquals(problems([["c", [good, device("a.ts", test("tests/x_test.ts", "of a wrapper"))]]]), []);
    assertEquals(problems([], [{ id: "r", clauses: ["c"] }]), []);
    const only = (states: State[], words: string) => {
      const found = problems([["c", states]]);
      assertEquals(found.length, 1, found.join());
      assertStringIncludes(found[0], words);
    };
    only([tested("tests/x_test.ts", "no test")], 'c: tests/x_test.ts has no test "no test"');
    only([tested("tests/y_test.ts", "a plain name")], "there is no file tests/y_test.ts");
    only([device("b.ts")], "there is no file devices/b.ts");
    only([device("a.ts", test("tests/x_test.ts", "nothing"))], 'no test "nothing"');
    only([deviates("as QEMU does", test("tests/x_test.ts", "nothing"))], 'no test "nothing"');
    only([notCheckable("")], "no reason");
    only([notOffered("  no ")], "no reason");
    only([], "empty entry");
    assertEquals(problems([]), ["c: has neither a state nor a rule"]);
    assertEquals(problems([["c", [good]], ["c", [good]]]), ["c: has two entries"]);
    assertEquals(problems([["c", [good]], ["d", [good]]]), [
      "d: there is no such clause, but it has a state",
    ]);
    assertEquals(problems([["c", [good]]], [{ id: "r", clauses: ["zz"] }]), [
      "rule r: there is no clause zz",
    ]);
    assertEquals(problems([["c", [good]]], [{ id: "r", clauses: [] }, { id: "r", clauses: [] }]), [
      "rule r: there are two of this id",
    ]);
  },
);

onceTest("a rule takes the place of what is open; a driver's MUST wants a rule or a reason", () => {
  const clauses = ["a", "b", "c", "d"].map((id) => CLAUSE(id, "driver"));
  const states = new Map<string, State[]>([
    ["a", [open("later")]],
    ["b", [open("later")]],
    ["c", [tested("tests/x_test.ts", "a plain name")]],
    ["d", [notCheckable("nothing shows it"), open("later")]],
  ]);
  const rows = makeRows(clauses, states, [{ id: "r", clauses: ["a"] }]);
  assertEquals(rows.map((row) => row.open), [false, true, false, false]);
  assertEquals(rows.map(needsRule), [false, true, true, false]);
  assertEquals(needsRule({ ...rows[1], clause: CLAUSE("b", "driver", "SHOULD") }), false);
  assertEquals(needsRule({ ...rows[1], clause: CLAUSE("b", "device") }), false);
  assertEquals(rowText(rows[0]), "a\n    driver MUST: it holds\n    rule r");
  const [count] = countRows(rows);
  assertEquals([count.clauses, count.open, count.driver, count.driverMissing], [4, 1, 4, 2]);
  assertStringIncludes(countTable(rows), "1 (25.0 %)");
  assertEquals(JSON.parse(rowsJson(rows))[3].is, ["notCheckable"]);
});

onceTest("a rule without a red test: neither planted nor named by a test of the strict rules", () => {
  const rules = ["planted", "tested", "told", "bare"].map((id) => ({ id, clauses: [] }));
  const mistakes = [{ id: "m1", rule: "planted" }];
  assertEquals(withoutRedTest(rules, mistakes, ['reports("tested")', '"warning told: x"; "it is bare: x"']), [
    "bare",
  ]);
});

onceTest("options: sections, states, drivers; what is wrong is named", () => {
  const around: Surroundings = {
    files: { read: (path) => read(new URL(path, ROOT)) },
    rules: [],
    mistakes: [],
    tests: [],
  };
  const out = (...argv: string[]) => run(readOptions(argv), around).out;
  assertStringIncludes(out("--section", "entropy"), "drivernormative:Device Types / Entropy Device");
  assert(!out("--section=entropy").includes("Console Device"));
  assertEquals(JSON.parse(out("--json")).length, 803);
  const deviating = JSON.parse(out("--json", "--state", "deviates"));
  assert(deviating.length > 0 && deviating.every((c: { is: string[] }) => c.is.includes("deviates")));
  const driver = run(readOptions(["--driver", "--section", "entropy"]), around);
  assertEquals(driver.status, 1);
  assertStringIncludes(driver.out, "2 MUST and MUST NOT of drivers without a rule");
  assertEquals(out("--section", "no such thing"), "no such clause");
  for (
    const bad of [["--state", "done"], ["--sektion", "x"], ["--section"], ["--json=x"], ["-x"], ["words"]]
  ) {
    assertThrows(() => readOptions(bad), OptionError, bad[0].split("=")[0]);
  }
});

onceTest("no clause has two entries that exclude each other", () => {
  for (const [id, states] of entries(STATES)) {
    const kinds = states.map((state) => state.kind);
    assert(!(kinds.includes("notOffered") && kinds.includes("notCheckable")), id);
  }
});
