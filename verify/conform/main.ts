import { UsageError } from "../../devices/description/mod.ts";
import { QemuError } from "../../devices/qemu/mod.ts";
import {
  checksOf,
  ending,
  foreignRow,
  heading,
  jsonReport,
  judge,
  junitReport,
  passed,
  type Report,
  type Row,
  rowText,
  runChecks,
  staleEntries,
} from "./mod.ts";
import { type ConformOptions, DEFAULT_PROGRAMS, HELP, readConformOptions } from "./options.ts";
import { runRandom, TARGETS } from "./random/mod.ts";

const PROGRAM = "qemu-system-x86_64";
const NO_QEMU = `conform compares with the real QEMU, and ${PROGRAM} cannot be run:
  apt-get install --no-install-recommends qemu-system-x86`;
/** Exit statuses. */
const Exit = { GOOD: 0, DIFFERS: 1, USAGE: 2, NO_QEMU: 3 } as const;

/** Targets of random programs that are named, or whose line a filter would show. @throws {UsageError} */
function targetsOf({ only, filter }: ConformOptions): string[] {
  if (only !== undefined) {
    const [name, index] = only.split("#");
    if (TARGETS.some((t) => t.name === name) && /^\d+$/.test(index ?? "0")) return [only];
    const several = TARGETS.filter((t) => t.name.startsWith(`${name}-`)).map((t) => t.name);
    if (several.length > 0 && index === undefined) return several;
    const possible = TARGETS.map((t) => t.name).join(", ");
    throw new UsageError(
      `--only ${only}: expected a target, the beginning of one, or target#number (possible: ${possible})`,
    );
  }
  const text = filter?.toLowerCase() ?? "";
  return TARGETS.map((t) => t.name).filter((name) => `random programs: ${name}`.includes(text));
}

/** QEMU's version in its own words, or undefined if it cannot be run. */
async function qemuVersion(): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("setsid", {
    args: ["--wait", PROGRAM, "--version"],
    stderr: "null",
  })
    .output();
  return success ? /version (.*)/.exec(new TextDecoder().decode(stdout))?.[1] ?? "unknown" : undefined;
}

/** Whether the reports can be written: better asked before the battery than after it. */
function writable(files: readonly (string | undefined)[]): boolean {
  for (const file of files) {
    if (file === undefined) continue;
    try {
      Deno.writeTextFileSync(file, "");
    } catch (error) {
      console.error(`conform: ${file} cannot be written: ${(error as Error).message}`);
      return false;
    }
  }
  return true;
}

/** Runs the battery, printing as it goes. */
async function run(options: ConformOptions, targets: readonly string[], version: string): Promise<Report> {
  const rows: Row[] = [];
  const add = (row: Row) => {
    rows.push(row);
    console.log(rowText(row));
  };
  console.log(heading(version));
  for await (const result of runChecks(checksOf(options))) add(judge(result));
  for (const only of targets) {
    const found = await runRandom({ programs: options.random, seed: options.seed, only });
    for (const row of found.rows) add(foreignRow(row));
  }
  const everything = options.filter === undefined && options.only === undefined;
  const whole = {
    checks: everything && options.static && options.probes,
    programs: everything && options.random >= DEFAULT_PROGRAMS,
  };
  return { qemuVersion: version, rows, stale: staleEntries(rows, whole) };
}

function list(options: ConformOptions, targets: readonly string[]): void {
  for (const { id, spec, title } of checksOf(options)) console.log(`${id} | ${spec} | ${title}`);
  for (const name of targets) console.log(`random programs: ${name}`);
}

/** The tool. Returns the exit status. */
export async function main(argv: readonly string[]): Promise<number> {
  let options: ConformOptions, targets: string[];
  try {
    options = readConformOptions(argv);
    targets = options.random > 0 ? targetsOf(options) : [];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`conform: ${error.message}`);
    return Exit.USAGE;
  }
  if (options.what === "help") {
    console.log(HELP);
    return Exit.GOOD;
  }
  if (checksOf(options).length === 0 && targets.length === 0) {
    console.error(`conform: --filter ${options.filter}: no check has this in its name or title (see --list)`);
    return Exit.USAGE;
  }
  if (options.what === "list") {
    list(options, targets);
    return Exit.GOOD;
  }
  try {
    const version = await qemuVersion();
    if (version === undefined) {
      console.error(NO_QEMU);
      return Exit.NO_QEMU;
    }
    if (!writable([options.json, options.junit])) return Exit.USAGE;
    const report = await run(options, targets, version);
    console.log(ending(report));
    if (options.json !== undefined) Deno.writeTextFileSync(options.json, jsonReport(report));
    if (options.junit !== undefined) Deno.writeTextFileSync(options.junit, junitReport(report));
    return passed(report) ? Exit.GOOD : Exit.DIFFERS;
  } catch (error) {
    if (!(error instanceof QemuError)) throw error;
    const missing = error.kind === "NotStarted";
    console.error(missing ? `${NO_QEMU}\n(${error.message})` : `conform: ${error.message}`);
    return missing ? Exit.NO_QEMU : Exit.DIFFERS;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
