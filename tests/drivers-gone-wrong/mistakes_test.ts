/** Each mistake gives the report that it must give; what else is said follows from it. */
import { assert, assertEquals } from "@std/assert";
import { DeadlockError } from "../../spec/deadlock.ts";
import { type Report, RULES } from "../../verify/strict/mod.ts";
import { onceTest } from "../support/once.ts";
import { Hands, type Mistake, settingsOf } from "./mistake.ts";
import { MISTAKES } from "./mistakes/mod.ts";
import { type Setting, settingName } from "./setting.ts";
import { drive, type Outcome, simulatedWorld } from "./world.ts";

/** What is said of a machine that nothing can wake: true of every run that ends so. */
const STUCK = "stuck-machine";
/** Rules about what is not done: there is no line that does it. All others name the student's. */
const NOWHERE: readonly string[] = [STUCK, "net-rx-empty"];
/** Where the driver's code is. */
const HERE = "tests/drivers-gone-wrong/";

function run(mistake: Mistake, s: Setting): Outcome {
  const world = simulatedWorld(s, RULES);
  if (mistake.on.input !== undefined) world.type(mistake.on.input);
  mistake.plant(new Hands(world.student));
  return drive(world);
}

function isExpected({ expect: { rule, clause, found } }: Mistake, report: Report): boolean {
  return report.rule === rule && (clause === undefined || report.clauses.includes(clause)) &&
    (found === undefined || found.test(report.found));
}

/** What is wrong with the reports of a run, in lines; none if they are as they must be. */
function judge(mistake: Mistake, s: Setting): string[] {
  const { reports, error } = run(mistake, s);
  const { rule, found } = mistake.expect;
  const allowed = new Set([rule, ...mistake.also ?? [], ...error instanceof DeadlockError ? [STUCK] : []]);
  const lines: string[] = [];
  const hit = reports.find((r) => isExpected(mistake, r));
  if (hit === undefined) lines.push(`no report of ${rule}${found === undefined ? "" : ` with ${found}`}`);
  else if (!NOWHERE.includes(rule) && !hit.place[0]?.file.startsWith(HERE)) {
    lines.push(`the place is ${hit.place[0]?.file ?? "not known"}`);
  }
  for (const r of reports) {
    if (r.level === "violation" && !allowed.has(r.rule)) lines.push(`not expected: ${r.rule}: ${r.found}`);
  }
  if (lines.length === 0) return [];
  const seen = reports.map((r) => `  ${r.level} ${r.rule}: ${r.found}`);
  return [
    `${settingName(s)}: ${lines.join("; ")}`,
    ...seen,
    `  the driver ended with ${error ?? "no error"}`,
  ];
}

for (const mistake of MISTAKES) {
  onceTest(`${mistake.id}: ${mistake.what}`, () => {
    const wrong = settingsOf(mistake).flatMap((s) => judge(mistake, s));
    assertEquals(wrong.join("\n"), "", `${mistake.id}: ${mistake.what}`);
  });
}

onceTest("mistakes are known by their ids, and expect rules that there are", () => {
  const ids = MISTAKES.map((m) => m.id);
  assertEquals(ids.length, new Set(ids).size);
  assert(ids.length >= 60);
  const known = new Map(RULES.map((r) => [r.id, r]));
  for (const { id, expect, also = [] } of MISTAKES) {
    for (const rule of [expect.rule, ...also]) assert(known.has(rule), `${id}: there is no rule ${rule}`);
    if (expect.clause !== undefined) assert(known.get(expect.rule)!.clauses.includes(expect.clause), id);
  }
});
