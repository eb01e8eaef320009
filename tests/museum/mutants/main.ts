/**
 * Are the rules general? Changes one line of a driver at random, runs it under strict rules, and says what came of it:
 * `deno task mutants`.
 *
 *     --seed N      which lines, and how (default 1)
 *     --count N     how many (default 100)
 *     --only TEXT   files whose name contains TEXT
 *     --all         also lists those that were reported, and those that nobody noticed
 *
 * What fails, or never ends, without a report is listed: there a rule may be missing, or the driver itself has said it in
 * an error. Exit status 0, whatever is found.
 */
import { Random } from "../../../devices/events.ts";
import { netMachine, rngMachine } from "../pieces/machines.ts";
import { ROOT, Tree } from "../tree.ts";
import { words } from "../words.ts";
import { type Fate, fateOf, rulesIn, type Run } from "./judge.ts";
import { type Site, sitesOf } from "./sites.ts";

const PATIENCE = 25_000;
/** Where mistakes are planted. */
const PLACES = ["drivers", "arch/interrupts.ts", "mm/device_alloc.ts", "mm/device_heap.ts"];
/** Files of types, errors and messages. */
const LEFT_OUT = /(?:error|types|context|mod)\.ts$/;
const SCENARIOS: readonly { readonly line: string; readonly input?: string }[] = [
  { line: rngMachine("", withConsole("")), input: "rng 300\nrng 40\nshutdown 0\n" },
  { line: rngMachine(",packed=on", withConsole(",packed=on")), input: "rng 300\nshutdown 0\n" },
  // More frames than a ring has descriptors; the second in merged buffers.
  { line: netMachine(",vectors=0", "ping 10.0.2.2 300") },
  { line: netMachine(",packed=on,mq=on", "ping 10.0.2.2 300 600", "env=HERMIT_MRG_RXBUF_SIZE=256") },
];
function withConsole(more: string): string {
  return `-device virtio-serial-pci${more} -device virtconsole,chardev=c0`;
}

interface Options {
  readonly seed: number;
  readonly count: number;
  readonly only: string;
  readonly all: boolean;
}

function readOptions(args: readonly string[]): Options {
  const given: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const name = args[i].replace(/^--/, "");
    if (name === "all") given.all = "yes";
    else if (["seed", "count", "only"].includes(name) && args[i + 1] !== undefined) given[name] = args[++i];
    else fail(`what is '${args[i]}'? There are --seed, --count, --only and --all`);
  }
  const number = (name: string, otherwise: number) => {
    const value = Number(given[name] ?? otherwise);
    if (!Number.isInteger(value) || value < 1) fail(`--${name} ${given[name]}: expected a number from 1 on`);
    return value;
  };
  return {
    seed: number("seed", 1),
    count: number("count", 100),
    only: given.only ?? "",
    all: given.all !== undefined,
  };
}
function fail(message: string): never {
  console.error(`mutants: ${message}`);
  Deno.exit(2);
}

function filesBelow(place: string): string[] {
  if (place.endsWith(".ts")) return [place];
  return [...Deno.readDirSync(`${ROOT}${place}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${place}/${name}`) : name.endsWith(".ts") ? [`${place}/${name}`] : []
  );
}

/** So many sites, in an order that the seed gives. */
function choose({ seed, count, only }: Options): Site[] {
  const files = PLACES.flatMap(filesBelow).filter((f) => f.includes(only) && !LEFT_OUT.test(f)).sort();
  const sites = files.flatMap((file) => sitesOf(file, Deno.readTextFileSync(`${ROOT}${file}`)));
  const random = new Random(seed);
  for (let i = sites.length - 1; i > 0; i--) {
    const j = random.u32() % (i + 1);
    [sites[i], sites[j]] = [sites[j], sites[i]];
  }
  return sites.slice(0, count);
}

async function run(tree: Tree, { line, input = "" }: typeof SCENARIOS[number]): Promise<Run> {
  const args = ["run", "-A", "--no-check", "--quiet", "main.ts", "--strict", ...words(line)];
  const { status, out, errors } = await tree.deno(args, { input, patience: PATIENCE });
  return { status, out, rules: rulesIn(errors) };
}

async function main(options: Options): Promise<void> {
  const path = Deno.makeTempDirSync({ prefix: "mutants-" });
  const counts: Record<Fate, number> = { reported: 0, failed: 0, endless: 0, unnoticed: 0 };
  try {
    const tree = new Tree(path);
    const right: Run[] = [];
    for (const scenario of SCENARIOS) right.push(await run(tree, scenario));
    const bad = right.find((r) => r.status !== 0 || r.rules.length > 0);
    if (bad !== undefined) {
      fail(`without a mistake: status ${bad.status}, ${bad.rules}\n${bad.out}`);
    }
    for (const site of choose(options)) {
      const file = `${path}/${site.file}`;
      const text = Deno.readTextFileSync(file);
      const lines = text.split("\n");
      lines[site.line - 1] = site.after;
      Deno.writeTextFileSync(file, lines.join("\n"));
      const runs: Run[] = [];
      for (const scenario of SCENARIOS) runs.push(await run(tree, scenario));
      Deno.writeTextFileSync(file, text);
      const fate = fateOf(runs, right);
      counts[fate]++;
      if (options.all || fate === "failed" || fate === "endless") tell(site, fate, runs);
    }
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
  console.log(
    `seed ${options.seed}: ${counts.reported} reported, ${counts.failed} failed without a report, ` +
      `${counts.endless} endless without a report, ${counts.unnoticed} unnoticed`,
  );
}

function tell({ file, line, how, before }: Site, fate: Fate, runs: readonly Run[]): void {
  const rules = [...new Set(runs.flatMap((r) => r.rules))];
  const states = runs.map((r) => r.status ?? "endless").join(", ");
  console.log(`${fate.padEnd(9)} ${file}:${line} ${how}: ${before.trim()}`);
  console.log(`          ${rules.length > 0 ? rules.join(", ") : `exit status ${states}`}`);
}

if (import.meta.main) await main(readOptions(Deno.args));
