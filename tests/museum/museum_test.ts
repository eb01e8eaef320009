/** That the museum does not rot: every mistake fits the sources and type-checks, every number has a piece. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Report } from "../../verify/strict/report.ts";
import { onceTest } from "../support/once.ts";
import { LIST, PIECES } from "./catalogue.ts";
import { judge, type Outcome, show, unrun } from "./judge.ts";
import { perform } from "./perform.ts";
import { type Exhibit, isExhibit } from "./piece.ts";
import { plant } from "./plant.ts";
import { SCENES } from "./scenes/mod.ts";
import { ROOT, Tree } from "./tree.ts";

const read = (file: string) => Deno.readTextFileSync(ROOT + file);
const planted = PIECES.flatMap((piece) => "mistake" in piece ? [piece] : []);

onceTest("museum: each number of the list and each of its fixes has a piece, under an id of its own", () => {
  const ids = PIECES.map(({ id }) => id);
  assertEquals(ids.filter((id, i) => ids.indexOf(id) !== i), []);
  const own = PIECES.filter((piece) => !(isExhibit(piece) && piece.kin));
  assertEquals([...new Set(own.map(({ number }) => number))], Object.keys(LIST).map(Number));
  for (const [number, fixes] of Object.entries(LIST)) {
    const shown = new Set(own.filter((piece) => piece.number === Number(number)).map(({ fix }) => fix));
    assertEquals([...shown].sort(), [...fixes].sort(), `number ${number}`);
  }
  assert(
    PIECES.filter((piece) => isExhibit(piece) && piece.kin).length >= 10,
    "variations that are on no list",
  );
});

onceTest("museum: every scene that a piece names is there, and every scene is used", () => {
  const used = PIECES.flatMap((p) => isExhibit(p) && p.scenario.kind === "scene" ? [p.scenario.name] : []);
  assertEquals([...new Set(used)].sort(), Object.keys(SCENES).sort());
});

onceTest("museum: a text that does not occur exactly once, or changes nothing, is an error", () => {
  const source = () => "one two two";
  assertEquals(plant("x", [{ file: "f", find: "one", replace: "1" }], source).get("f"), "1 two two");
  assertThrows(
    () => plant("x", [{ file: "f", find: "two", replace: "2" }], source),
    Error,
    "occurs 2 times in f",
  );
  assertThrows(
    () => plant("x", [{ file: "f", find: "three", replace: "3" }], source),
    Error,
    "occurs 0 times",
  );
  assertThrows(
    () => plant("x", [{ file: "f", find: "one", replace: "one" }], source),
    Error,
    "changes nothing",
  );
});

onceTest("museum: every mistake fits the sources as they are, and type-checks", async () => {
  const files: string[] = [];
  const folder = Deno.makeTempDirSync({ prefix: "museum-" });
  try {
    const tree = new Tree(folder);
    for (const { id, mistake } of planted) {
      for (const [file, text] of plant(id, mistake, read)) {
        // In the file's place, and where that is taken beside it: so one look at all of them is enough.
        const beside = `${file.replace(/\.ts$/, "")}.museum_${id.replace("-", "_")}.ts`;
        const name = files.includes(file) ? beside : file;
        Deno.writeTextFileSync(`${folder}/${name}`, text);
        files.push(name);
      }
    }
    const { status, errors } = await tree.deno(["check", "--quiet", ...files], { patience: 300_000 });
    assertEquals(status, 0, errors);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

onceTest(
  "museum: what is said of a piece that is missed, whose scenario is not green, or that is not run",
  () => {
    const piece = PIECES.find((p): p is Exhibit => p.id === "2" && isExhibit(p))!;
    const report: Report = {
      rule: piece.expected.rule!,
      level: "violation",
      clauses: ["c:Some Section#1"],
      section: "s",
      title: "t",
      hint: "h",
      device: "d",
      queue: 0,
      time: 0,
      event: 0,
      found: "descriptor 3 belongs to the chain of head 3",
      expected: "another",
      evidence: [],
      place: [],
      count: 1,
      lastTime: 0,
    };
    const seen = (reports: Report[], green = false) => ({ green, reports, text: "a\nb\nthe end" });
    const clean = seen([], true);
    const said = (outcome: Outcome) => show(outcome).split("\n")[1].trim();
    assertEquals(
      said(judge(piece, seen([report]), clean)),
      `caught by ${report.rule} (Some Section#1): descriptor 3 belongs to the chain of head 3 (expected: another)`,
    );
    assertEquals(said(judge(piece, seen([]), clean)), "MISSED: a | b | the end");
    // Another rule, or other words, are not what was asked for.
    const other = { ...report, rule: "other-rule" }, words = { ...report, found: "something" };
    assertEquals(judge(piece, seen([other, words]), clean).verdict, "missed");
    assertEquals(said(judge(piece, seen([other]), clean)), `MISSED: other-rule: ${report.found}`);
    assertEquals(
      said(judge(piece, clean, seen([other]))),
      `NOT GREEN: without the mistake: other-rule: ${report.found}`,
    );
    assertEquals(judge(piece, clean, seen([])).verdict, "not green");
    const { id, number, fix, title, mistake } = piece;
    assertEquals(unrun({ id, number, fix, title, notHere: "no locks" }).verdict, "not here");
    assertEquals(said(unrun({ id, number, fix, title, notHere: "no locks" })), "not here: no locks");
    assertEquals(
      said(unrun({ id, number, fix, title, mistake, needs: "explorer" })),
      "needs: explorer: only another order of memory accesses shows it",
    );
  },
);

/** One of each way to be seen. */
const SHOWN = ["2", "7a", "10"];

onceTest(`museum: pieces ${SHOWN.join(", ")}, from the mistake to the report`, async () => {
  const folder = Deno.makeTempDirSync({ prefix: "museum-" });
  try {
    const tree = new Tree(folder);
    const outcomes: Outcome[] = [];
    for (const piece of PIECES.filter((p): p is Exhibit => SHOWN.includes(p.id) && isExhibit(p))) {
      const clean = await perform(tree, piece.scenario);
      const seen = await tree.with(piece.id, piece.mistake, () => perform(tree, piece.scenario));
      outcomes.push(judge(piece, seen, clean));
      assertEquals(judge(piece, clean, clean).verdict, "missed", `${piece.id}, without the mistake`);
    }
    const words = outcomes.map((outcome) => outcome.words);
    assertEquals(
      outcomes.map(({ id, verdict }) => `${id} ${verdict}`),
      SHOWN.map((id) => `${id} caught`),
      `${words}`,
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
