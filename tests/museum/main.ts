/**
 * The bug museum: does a driver's author hear of real mistakes? Plants one after the other into a copy of this tree and runs
 * a machine, a replay or a test there: `deno task museum`.
 *
 *     --only A,B       pieces of these ids or numbers (`7`, `7b`, `kin`: all kin)
 *     --jobs N         copies at work at a time (default 2)
 *     --json           what came of them as JSON
 *     --verbose        also what a piece that was missed printed
 *
 * Exit status 1 if a mistake was missed, or a scenario is not green without one.
 */
import { PIECES } from "./catalogue.ts";
import { judge, type Outcome, show, unrun } from "./judge.ts";
import { perform, type Seen } from "./perform.ts";
import { type Exhibit, isExhibit, type Piece, type Scenario } from "./piece.ts";
import { plant } from "./plant.ts";
import { ROOT, Tree } from "./tree.ts";

interface Options {
  readonly only: readonly string[] | undefined;
  readonly jobs: number;
  readonly json: boolean;
  readonly verbose: boolean;
}

function readOptions(args: readonly string[]): Options {
  let only: readonly string[] | undefined, jobs = 2, json = false, verbose = false;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--json") json = true;
    else if (args[i] === "--verbose") verbose = true;
    else if (args[i] === "--only") only = args[++i]?.split(",") ?? fail("--only: which pieces?");
    else if (args[i] === "--jobs") {
      jobs = Number(args[++i]);
      if (!Number.isInteger(jobs) || jobs < 1) fail(`--jobs ${args[i]}: expected a number from 1 on`);
    } else if (args[i] !== "--") {
      fail(`what is '${args[i]}'? There are --only, --jobs, --json and --verbose`);
    }
  }
  return { only, jobs, json, verbose };
}

function fail(message: string): never {
  console.error(`museum: ${message}`);
  Deno.exit(2);
}

function chosen({ only }: Options): Piece[] {
  if (only === undefined) return [...PIECES];
  const found = PIECES.filter((piece) => {
    const kin = isExhibit(piece) && piece.kin === true;
    return only.some((word) =>
      word === piece.id || (word === "kin" ? kin : !kin && word === String(piece.number))
    );
  });
  if (found.length === 0) {
    fail(`no piece is called '${only.join(",")}'; there are ${PIECES.map((p) => p.id).join(", ")}`);
  }
  return found;
}

/** What is seen without any mistake: once for each scenario. */
class Clean {
  private readonly seen = new Map<string, Promise<Seen>>();

  of(tree: Tree, scenario: Scenario): Promise<Seen> {
    const key = JSON.stringify(scenario);
    let found = this.seen.get(key);
    if (found === undefined) this.seen.set(key, found = perform(tree, scenario));
    return found;
  }
}

async function exhibit(piece: Exhibit, tree: Tree, clean: Clean, options: Options): Promise<Outcome> {
  const without = await clean.of(tree, piece.scenario);
  const planted = await tree.with(piece.id, piece.mistake, () => perform(tree, piece.scenario));
  const outcome = judge(piece, planted, without);
  if (options.verbose && outcome.verdict !== "caught") console.error(planted.text);
  return outcome;
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  const pieces = chosen(options);
  const outcomes = new Map<Piece, Outcome>();
  const tell = (piece: Piece, outcome: Outcome) => {
    outcomes.set(piece, outcome);
    if (!options.json) console.log(show(outcome));
  };
  for (const piece of pieces) {
    if (isExhibit(piece)) continue;
    if ("mistake" in piece) plant(piece.id, piece.mistake, (file) => Deno.readTextFileSync(ROOT + file));
    tell(piece, unrun(piece));
  }
  const waiting = pieces.filter(isExhibit);
  const folder = Deno.makeTempDirSync({ prefix: "museum-" });
  const clean = new Clean();
  try {
    await Promise.all(Array.from({ length: Math.min(options.jobs, waiting.length) }, async (_, i) => {
      const tree = new Tree(`${folder}/${i}`);
      for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) {
        tell(piece, await exhibit(piece, tree, clean, options));
      }
    }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  const all = pieces.map((piece) => outcomes.get(piece)!);
  const count = (verdict: Outcome["verdict"]) => all.filter((o) => o.verdict === verdict).length;
  const bad = count("missed") + count("not green");
  if (options.json) console.log(JSON.stringify(all, null, 2));
  else {
    console.log(
      `${all.length} pieces: ${count("caught")} caught, ${count("missed")} missed, ` +
        `${count("not green")} not green without the mistake, ${
          count("needs explorer")
        } wait for the explorer, ` +
        `${count("not here")} cannot be shown here`,
    );
  }
  if (bad > 0) Deno.exit(1);
}
