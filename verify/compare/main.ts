import { againstOurs, compareSides, readTraceFile, type Side, TraceInputError, Vocabulary } from "./mod.ts";
import { jsonReport } from "./json.ts";
import { type CompareOptions, CompareUsageError, HELP, readCompareOptions } from "./options.ts";
import { report } from "./print.ts";

/** Exit statuses. */
const Exit = { SAME: 0, DIFFERENT: 1, USAGE: 2 } as const;
/** Columns where there is no terminal. */
const WIDTH = 160;
/** Rows of a lane without `--all`. */
const ROWS = 40;

async function* chunks(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(1 << 20);
  for (;;) {
    const n = await file.read(buffer);
    if (n === null) return;
    yield buffer.subarray(0, n);
  }
}

async function readPath(path: string, vocabulary: Vocabulary) {
  let file: Deno.FsFile;
  try {
    if ((await Deno.stat(path)).isDirectory) throw new TraceInputError(`${path}: is a folder`);
    file = await Deno.open(path);
  } catch (e) {
    if (e instanceof TraceInputError) throw e;
    throw new TraceInputError(
      `${path}: ${e instanceof Deno.errors.NotFound ? "no such file" : (e as Error).message}`,
    );
  }
  try {
    return await readTraceFile(path, chunks(file), vocabulary);
  } finally {
    file.close();
  }
}

async function readBoth({ files }: CompareOptions, vocabulary: Vocabulary): Promise<[Side, Side]> {
  const first = await readPath(files[0], vocabulary);
  if (files.length === 2) return [first.side, (await readPath(files[1], vocabulary)).side];
  if (first.golden === undefined) {
    throw new CompareUsageError(
      `${files[0]}: is no golden trace: a second trace is needed to compare it with`,
    );
  }
  return againstOurs(first.golden.trace, first.golden.replay, files[0], vocabulary);
}

function printer(): (line: string) => boolean {
  const encoder = new TextEncoder();
  return (line) => {
    const bytes = encoder.encode(line + "\n");
    try {
      for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
      return true;
    } catch (e) {
      // A reader that went away (`| head`) has seen enough.
      if (e instanceof Deno.errors.BrokenPipe) return false;
      throw e;
    }
  };
}

/** The tool. Returns the exit status. `print` takes the lines of the report; it answers whether anybody reads on. */
export async function main(argv: readonly string[], print = printer()): Promise<number> {
  try {
    const options = readCompareOptions(argv);
    if (options.what === "help") {
      print(HELP);
      return Exit.SAME;
    }
    const vocabulary = new Vocabulary();
    const [a, b] = await readBoth(options, vocabulary);
    const comparison = compareSides(a, b, vocabulary, options.selection);
    if (options.json) print(jsonReport(comparison));
    else {
      const terminal = Deno.stdout.isTerminal();
      const shown = {
        width: options.width ?? (terminal ? Deno.consoleSize().columns : WIDTH),
        color: terminal && !Deno.noColor,
        context: options.all ? Infinity : options.context,
        rows: options.all ? Infinity : ROWS,
      };
      for (const line of report(comparison, shown)) if (!print(line)) break;
    }
    return comparison.same ? Exit.SAME : Exit.DIFFERENT;
  } catch (e) {
    if (!(e instanceof CompareUsageError) && !(e instanceof TraceInputError)) throw e;
    console.error(`compare: ${e.message}`);
    return Exit.USAGE;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
