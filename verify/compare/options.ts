import { type Kind, KINDS } from "./steps.ts";
import type { Selection } from "./compare.ts";

/** A wrong command line. */
export class CompareUsageError extends Error {
  override name = "CompareUsageError";
}

export interface CompareOptions {
  readonly what: "run" | "help";
  readonly files: readonly string[];
  readonly selection: Selection;
  readonly all: boolean;
  readonly json: boolean;
  /** Columns; undefined: the terminal's. */
  readonly width: number | undefined;
  readonly context: number;
}

export const HELP = `usage: deno task compare [OPTION]... A B
       deno task compare [OPTION]... GOLDEN

Shows two traces side by side and explains the first difference. With one golden trace, B is our own queue under the
same operations.

A trace is, by what is in the file:
  JSON lines    deno task start --trace FILE, on either platform
  QEMU's log    -trace 'virtio*' -trace 'virtqueue*' -trace 'memory_region_ops_*', with -D FILE or from standard error; of
                any guest, also a Hermit in Rust
  golden trace  tests/data/golden/*/*.json

Addresses, pointers, vectors and times are taken out. What is left are steps, in lanes: of each device what its driver does
(registers, rings), and for each queue what the device does, notifications, interrupts. Within a lane the order counts;
between lanes it is a matter of time. Only kinds of steps that both files can have are compared:

${Object.entries(KINDS).map(([kind, text]) => `  ${kind.padEnd(13)} ${text}`).join("\n")}

Options:
  --device NAME  only devices with this in their name (several times: any of these)
  --kind LIST    only these kinds (read,write); with - in front all but these (-notify,-interrupt); +config: also this
  --all          all steps, also the equal ones
  --context N    equal steps around a difference (default 3)
  --width N      columns (default: the terminal's, or 160)
  --json         the result as JSON
  -h, --help     this text

Exit status: 0 same; 1 different; 2 for a wrong option or a file that is no trace.`;

const FLAGS = ["--all", "--json", "-h", "--help"];
const VALUES = ["--device", "--kind", "--context", "--width"];

/** Reads the command line. @throws {CompareUsageError} naming the option and what is possible. */
export function readCompareOptions(argv: readonly string[]): CompareOptions {
  const flags = new Set<string>();
  const values = new Map<string, string[]>();
  const files: string[] = [];
  let options = true;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    const at = word.startsWith("--") ? word.indexOf("=") : -1;
    const name = at < 0 ? word : word.slice(0, at), attached = at < 0 ? undefined : word.slice(at + 1);
    if (options && word === "--") options = i === 0;
    else if (!options || !word.startsWith("-") || word === "-") files.push(word);
    else if (FLAGS.includes(name)) {
      if (attached !== undefined) throw new CompareUsageError(`${name}: takes no value`);
      flags.add(name);
    } else if (VALUES.includes(name)) {
      const value = attached ?? argv[++i];
      if (value === undefined || value === "") throw new CompareUsageError(`${name}: needs a value`);
      if (name !== "--device" && values.has(name)) throw new CompareUsageError(`${name}: given twice`);
      values.set(name, [...values.get(name) ?? [], value]);
    } else {
      throw new CompareUsageError(`${word}: unknown option (possible: ${[...FLAGS, ...VALUES].join(", ")})`);
    }
  }
  const help = flags.has("-h") || flags.has("--help");
  if (!help && (files.length === 0 || files.length > 2)) {
    throw new CompareUsageError(`expected two traces, or one golden trace; found ${files.length} files`);
  }
  return {
    what: help ? "help" : "run",
    files,
    selection: { devices: values.get("--device") ?? [], ...kindsOf(values.get("--kind")?.[0]) },
    all: flags.has("--all"),
    json: flags.has("--json"),
    width: values.has("--width") ? whole("--width", values.get("--width")![0], 40, 1000) : undefined,
    context: whole("--context", values.get("--context")?.[0] ?? "3", 0, 1e9),
  };
}

function kindsOf(list: string | undefined): Omit<Selection, "devices"> {
  const only = new Set<Kind>(), without = new Set<Kind>(), also = new Set<Kind>();
  for (const word of list?.split(",") ?? []) {
    const name = word.replace(/^[-+]/, "");
    if (!Object.hasOwn(KINDS, name)) {
      throw new CompareUsageError(
        `--kind ${word}: unknown kind (possible: ${Object.keys(KINDS).join(", ")})`,
      );
    }
    (word.startsWith("-") ? without : word.startsWith("+") ? also : only).add(name as Kind);
  }
  return { only: only.size > 0 ? only : undefined, without, also };
}

function whole(option: string, text: string, min: number, max: number): number {
  const n = /^\d+$/.test(text) ? Number(text) : NaN;
  if (n >= min && n <= max) return n;
  throw new CompareUsageError(`${option} ${text}: expected a whole number from ${min} to ${max}`);
}
