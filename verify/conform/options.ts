import { UsageError } from "../../devices/description/mod.ts";

/** Random programs for each device and ring, unless told otherwise. */
export const DEFAULT_PROGRAMS = 200;
const DEFAULT_SEED = 1;

/** What the command line asks for. */
export interface ConformOptions {
  readonly what: "run" | "list" | "help";
  readonly static: boolean;
  readonly probes: boolean;
  /** Programs for each target; 0 leaves that part out. */
  readonly random: number;
  readonly seed: number;
  /** One target, the beginning of several (`rng`), or one program: `rng-pci-split#17`. */
  readonly only: string | undefined;
  readonly filter: string | undefined;
  readonly json: string | undefined;
  readonly junit: string | undefined;
}

export const HELP = `usage: deno task conform [OPTION]...

Runs one battery on the simulated machine and on the real QEMU, and compares: (1) every register, in every state, of each
device and variant; (2) probes: small drivers, legal and illegal, and what comes of them; (3) random driver programs. Prints a
line per check:

  check | spec | simulated | qemu

  same         both worlds gave the same observation
  kept: ID     they differ as they should: verify/conform/differences.ts says why
  DIFFERS      they differ, and nothing explains it; both observations and the first place where they part follow

Options:
  --static       only part 1 (with others: these parts)
  --probes       only part 2
  --random N     only part 3, N programs for each device and ring (in a plain run: ${DEFAULT_PROGRAMS})
  --seed S       seed of the random programs (default ${DEFAULT_SEED})
  --only T[#I]   random programs of this target only (net: of all whose names begin so), or this one program: what a difference
                 says to see it again
  --filter TEXT  only checks whose name or title has this text
  --list         print the names of the checks, run nothing
  --json FILE    write the report as JSON, too
  --junit FILE   write the report as JUnit XML, too
  -h, --help     this text

Exit status: 0; 1 if a check differs without a reason, or a kept difference does not occur any more; 2 for a wrong option; 3
if there is no QEMU (apt-get install --no-install-recommends qemu-system-x86).`;

const FLAGS = ["--static", "--probes", "--list", "-h", "--help"];
const VALUES = ["--random", "--seed", "--only", "--filter", "--json", "--junit"];

/** Reads the command line. @throws {UsageError} naming the option and what is possible. */
export function readConformOptions(argv: readonly string[]): ConformOptions {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const [name, attached] = split(argv[i]);
    if (name === "--" && attached === undefined) continue;
    if (FLAGS.includes(name)) {
      if (attached !== undefined) throw new UsageError(`${name}: takes no value`);
      flags.add(name);
    } else if (VALUES.includes(name)) {
      if (values.has(name)) throw new UsageError(`${name}: given twice`);
      const value = attached ?? argv[++i];
      if (value === undefined || value === "" || attached === undefined && value.startsWith("--")) {
        throw new UsageError(`${name}: needs a value`);
      }
      values.set(name, value);
    } else {
      throw new UsageError(`${argv[i]}: unknown option (possible: ${[...FLAGS, ...VALUES].join(", ")})`);
    }
  }
  const some = flags.has("--static") || flags.has("--probes") || values.has("--random");
  const random = whole("--random", values.get("--random"), some ? 0 : DEFAULT_PROGRAMS, 1e9);
  for (const option of ["--seed", "--only"]) {
    if (values.has(option) && random === 0) {
      throw new UsageError(`${option}: is about random programs (--random N, or no part named)`);
    }
  }
  return {
    what: flags.has("-h") || flags.has("--help") ? "help" : flags.has("--list") ? "list" : "run",
    static: !some || flags.has("--static"),
    probes: !some || flags.has("--probes"),
    random,
    seed: whole("--seed", values.get("--seed"), DEFAULT_SEED, 0xffff_ffff),
    only: values.get("--only"),
    filter: values.get("--filter"),
    json: values.get("--json"),
    junit: values.get("--junit"),
  };
}

/** `--name=value` in two. */
function split(word: string): [string, string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function whole(option: string, text: string | undefined, otherwise: number, max: number): number {
  if (text === undefined) return otherwise;
  const n = /^\d+$/.test(text) ? Number(text) : NaN;
  if (n >= 0 && n <= max) return n;
  throw new UsageError(`${option} ${text}: expected a whole number from 0 to ${max}`);
}
