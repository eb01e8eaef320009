/** What the command line asks for. */
export interface ClausesOptions {
  readonly what: "table" | "help";
  /** Only sections, or clauses, whose name has this text. */
  readonly section: string | undefined;
  readonly state: string | undefined;
  /** Driver MUST and MUST NOT for which a rule is missing, and rules without a red test. */
  readonly driver: boolean;
  readonly json: boolean;
}

/** A wrong option. */
export class OptionError extends Error {}

const STATES = ["rule", "device", "test", "deviates", "notOffered", "notCheckable", "open"];

export const HELP = `usage: deno task clauses [OPTION]...

Prints how this project stands to each normative statement of virtio 1.4, counted by section, and checks that everything
that the table names exists. A clause may have several states:

  rule           a strict rule watches for it (verify/strict)
  device         a device model does it, or refuses what breaks it
  test           a test shows it
  deviates       a device model does otherwise, as QEMU does
  notOffered     it is about a feature or a kind of device that does not exist here
  notCheckable   nothing that can be observed tells, with the reason
  open           nothing yet

Options:
  --section TEXT   the clauses of sections or headings that have this text, one by one
  --state STATE    the clauses with this state, one by one
  --driver         MUST and MUST NOT of drivers without a rule and without a reason; rules without a red test
  --json           as JSON, one object for each clause
  -h, --help       this text

Exit status: 0; 1 if the table names something that does not exist, a clause has neither state nor rule, or --driver lists
something; 2 for a wrong option.`;

/** Reads the command line. @throws {OptionError} naming the option and what is possible. */
export function readOptions(argv: readonly string[]): ClausesOptions {
  const options = { what: "table" as "table" | "help", driver: false, json: false };
  const values = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const [, name, attached] = /^([^=]*)(?:=(.*))?$/s.exec(argv[i])!;
    if (name === "--section" || name === "--state") {
      const value = attached ?? argv[++i];
      if (value === undefined || value === "") throw new OptionError(`${name}: expected a value`);
      values.set(name, value);
    } else if (attached !== undefined) {
      throw new OptionError(`${name}: takes no value, or is no option; see --help`);
    } else if (name === "-h" || name === "--help") options.what = "help";
    else if (name === "--driver") options.driver = true;
    else if (name === "--json") options.json = true;
    else if (name !== "--") throw new OptionError(`${argv[i]}: no such option; see --help`);
  }
  const state = values.get("--state");
  if (state !== undefined && !STATES.includes(state)) {
    throw new OptionError(`--state ${state}: no such state, expected ${STATES.join(", ")}`);
  }
  return { ...options, state, section: values.get("--section") };
}
