import { Difference, type ReplayResult, replayTrace } from "./replay.ts";
import { CLAUSES } from "./divergences.ts";
import { readTrace, TraceError } from "./schema.ts";
import { HELP } from "./help.ts";

interface Line extends ReplayResult {
  file: string;
  name: string;
  queue: string;
}

/** JSON files named, or below the folders named, in order. @throws {TraceError} if there is nothing. */
function findFiles(paths: string[]): string[] {
  const files: string[] = [];
  const walk = (path: string, named: boolean) => {
    let info: Deno.FileInfo;
    try {
      info = Deno.statSync(path);
    } catch {
      throw new TraceError(`${path}: no such file or folder`);
    }
    if (info.isDirectory) {
      const names = [...Deno.readDirSync(path)].map((e) => e.name).sort();
      for (const name of names) walk(`${path.replace(/\/$/, "")}/${name}`, false);
    } else if (named || (path.endsWith(".json") && !/(^|\/)perf\.json$/.test(path))) files.push(path);
  };
  for (const path of paths) walk(path, true);
  if (files.length === 0) throw new TraceError(`${paths.join(", ")}: no .json file in there`);
  return files;
}

function replayFile(file: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(Deno.readTextFileSync(file));
  } catch (e) {
    throw new TraceError(`${file}: not JSON: ${(e as Error).message}`);
  }
  const trace = readTrace(value, file);
  try {
    return { file, name: trace.name, queue: trace.queue_type, ...replayTrace(trace) };
  } catch (e) {
    // What no rule foresaw: the queue under test broke with something that is no typed error.
    if (e instanceof Difference) throw e;
    const difference = { step: -1, what: "replay", trace: trace.name, ours: `${e}` };
    return { file, name: trace.name, queue: trace.queue_type, divergences: [], at: {}, difference };
  }
}

const short = (text: string) => text.length > 400 ? text.slice(0, 397) + "..." : text;

function print(line: Line): string {
  const name = `${line.queue}/${line.name}`;
  if (line.difference !== undefined) {
    const d = line.difference;
    return `${name}: DIFFERS at step ${d.step}: ${d.what}\n    trace ${short(d.trace)}\n    ours  ${
      short(d.ours)
    }`;
  }
  if (line.divergences.length === 0) return `${name}: same`;
  return `${name}: diverges: ${line.divergences.map((id) => `${id} (${CLAUSES[id]})`).join(", ")}`;
}

/** The tool. Returns the exit status: 0, 1 if anything differs, 2 on bad input. */
export function main(args: string[]): number {
  if (args.includes("-h") || args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  const json = args.includes("--json");
  const paths = args.filter((a) => a !== "--json" && a !== "--");
  const option = paths.find((a) => a.startsWith("-"));
  if (option !== undefined || paths.length === 0) {
    console.error(
      option === undefined ? "no path given" : `unknown option ${option}: possible are --json, --help`,
    );
    console.error("usage: deno task golden [--json] PATH...");
    return 2;
  }
  let failed = false, bad = false;
  const lines: Line[] = [];
  let files: string[];
  try {
    files = findFiles(paths);
  } catch (e) {
    console.error((e as Error).message);
    return 2;
  }
  for (const file of files) {
    try {
      const line = replayFile(file);
      failed ||= line.difference !== undefined;
      if (json) lines.push(line);
      else console.log(print(line));
    } catch (e) {
      if (!(e instanceof TraceError)) throw e;
      console.error(e.message);
      bad = true;
    }
  }
  if (json) console.log(JSON.stringify(lines.map((l) => ({ ...l, status: status(l) })), null, 2));
  return bad ? 2 : failed ? 1 : 0;
}

const status = (l: Line) => l.difference ? "differs" : l.divergences.length > 0 ? "diverges" : "same";

if (import.meta.main) Deno.exit(main(Deno.args));
