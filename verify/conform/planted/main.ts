/**
 * Does the random campaign see a mistake? Plants one after the other into a copy of this tree, and runs the campaign
 * there against the real QEMU: `deno task planted`.
 *
 *     --only TEXT      mistakes whose id contains TEXT, or one of several (a,b)
 *     --seed N         seed of the programs (default 1)
 *     --programs N     most programs of each target (default 1000)
 *     --jobs N         copies at work at a time (default 1)
 *
 * Exit status 1 if a mistake was missed.
 */
import { TARGETS } from "../random/targets.ts";
import type { Mistake } from "./mistake.ts";
import { MISTAKES } from "./mistakes.ts";
import { matching } from "./targets.ts";
import { Tree } from "./tree.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
/** Differences that are looked at before more are asked for. */
const FIRST_LOOK = 2;
/** What the campaign does not need. */
const LEFT_OUT = new Set(["node_modules", "tests", "dashboard", "docs", "coverage"]);

interface Options {
  readonly only: string;
  readonly seed: number;
  readonly programs: number;
  readonly jobs: number;
}

/** What came of one mistake. */
interface Outcome {
  readonly mistake: Mistake;
  /** The program that showed it, counted from 1; undefined: none did. */
  readonly after?: number;
  readonly target?: string;
  readonly difference?: string;
}

function readOptions(args: readonly string[]): Options {
  const given: Record<string, string> = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i].replace(/^--/, "");
    if (!["only", "seed", "programs", "jobs"].includes(name) || args[i + 1] === undefined) {
      fail(`what is '${args[i]}'? There are --only, --seed, --programs and --jobs, each with a value`);
    }
    given[name] = args[i + 1];
  }
  const number = (name: string, otherwise: number): number => {
    const value = Number(given[name] ?? otherwise);
    if (!Number.isInteger(value) || value < 1) fail(`--${name} ${given[name]}: expected a number from 1 on`);
    return value;
  };
  const [seed, programs, jobs] = [number("seed", 1), number("programs", 1000), number("jobs", 1)];
  return { only: given.only ?? "", seed, programs, jobs };
}

function fail(message: string): never {
  console.error(`planted: ${message}`);
  Deno.exit(2);
}

/** Copies sources and configuration. */
function copyTree(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (LEFT_OUT.has(name) || name.startsWith(".")) continue;
    if (isDirectory) copyTree(`${from}/${name}`, `${to}/${name}`);
    else if (/\.(ts|js|json|lock)$/.test(name)) Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

function openTree(path: string): Tree {
  copyTree(ROOT, path);
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return new Tree({
    read: (file) => Deno.readTextFileSync(`${path}/${file}`),
    write: (file, text) => Deno.writeTextFileSync(`${path}/${file}`, text),
    async deno(args) {
      const command = new Deno.Command(Deno.execPath(), {
        args: [...args],
        cwd: path,
        env: { NO_COLOR: "1" },
      });
      const { code, stdout, stderr } = await command.output();
      return { code, text: decode(stdout), errors: decode(stderr) };
    },
  });
}

/**
 * Looks for the first program that shows the mistake. A difference counts if the program shows it again, and shows none
 * without the mistake: devices of a busy host may be late.
 */
async function find(mistake: Mistake, tree: Tree, clean: Tree, options: Options): Promise<Outcome> {
  for (const { name } of matching(mistake, TARGETS)) {
    for (let enough = FIRST_LOOK; enough <= options.programs; enough *= 4) {
      const shown = await tree.with(mistake, () => tree.campaign(name, { ...options, enough }));
      for (const { index, difference } of shown) {
        const again = { programs: 1, seed: options.seed, enough: 1 };
        const program = `${name}#${index}`;
        const real = (await tree.with(mistake, () => tree.campaign(program, again))).length > 0 &&
          (await clean.campaign(program, again)).length === 0;
        if (real) return { mistake, after: index + 1, target: name, difference };
      }
      if (shown.length < enough) break;
    }
  }
  return { mistake };
}

function report({ mistake, after, target, difference }: Outcome): void {
  const found = after === undefined ? "MISSED" : `found after ${after} (${target})`;
  console.log([mistake.id, mistake.rule, found, difference ?? ""].join(" | "));
}

function summary(outcomes: readonly Outcome[], { programs }: Options): void {
  const found = outcomes.flatMap((o) => o.after ?? []).sort((a, b) => a - b);
  const missed = outcomes.filter((o) => o.after === undefined).map((o) => o.mistake.id);
  const median = found[found.length >> 1] ?? 0;
  console.log(
    `${outcomes.length} mistakes: ${found.length} found within ${programs} programs (median ${median}, ` +
      `most ${found.at(-1) ?? 0}), ${missed.length} missed${
        missed.length > 0 ? `: ${missed.join(", ")}` : ""
      }`,
  );
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  const waiting = MISTAKES.filter((m) => options.only.split(",").some((text) => m.id.includes(text)));
  if (waiting.length === 0) fail(`no mistake has '${options.only}' in its id`);
  const outcomes: Outcome[] = [];
  const folder = Deno.makeTempDirSync({ prefix: "planted-" });
  try {
    const clean = openTree(`${folder}/clean`);
    console.log("id | rule | found after N programs | first difference");
    await Promise.all(Array.from({ length: Math.min(options.jobs, waiting.length) }, async (_, i) => {
      const tree = openTree(`${folder}/${i}`);
      for (let mistake = waiting.shift(); mistake !== undefined; mistake = waiting.shift()) {
        const outcome = await find(mistake, tree, clean, options);
        outcomes.push(outcome);
        report(outcome);
      }
    }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  summary(outcomes, options);
  if (outcomes.some((o) => o.after === undefined)) Deno.exit(1);
}
