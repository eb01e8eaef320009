/**
 * Strict rules over a recorded run: `deno task strict TRACE`, a file that `--trace FILE` wrote.
 *
 *     --json, --junit, --sarif   another form than text
 *     --rules                    lists all rules with their clauses
 *
 * A trace has what the driver wrote, not what it read nor what it allocated: rules about these say nothing. Exit status
 * 0: no violation; 1: there are; 2: the command line or the file is wrong.
 */
import { VERSION } from "../../spec/version.ts";
import { readTrace, TraceFileError, type TraceGaps } from "../record/mod.ts";
import { type Format, formatReports, FORMATS } from "./format/mod.ts";
import { RULES, Strict } from "./mod.ts";

const USAGE = "usage: deno task strict [--json | --junit | --sarif] TRACE, or deno task strict --rules";

/** Runs one command line; the exit status. */
export async function main(
  args: readonly string[],
  out: (text: string) => void,
  err: (text: string) => void,
): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    out(`${USAGE}\n`);
    return 0;
  }
  if (args.length === 1 && args[0] === "--rules") {
    for (const { id, level, section, title } of RULES) out(`${id} (${level}; ${section}): ${title}\n`);
    return 0;
  }
  const formats = args.filter((a) => a.startsWith("-")).map((a) => a.slice(2));
  const files = args.filter((a) => !a.startsWith("-"));
  const wrong = formats.find((f) => f === "text" || !(FORMATS as readonly string[]).includes(f));
  if (wrong !== undefined || formats.length > 1 || files.length !== 1) {
    err(`strict: ${wrong === undefined ? USAGE : `what is '--${wrong}'? ${USAGE}`}\n`);
    return 2;
  }
  const strict = new Strict({ rules: RULES, platform: "trace" });
  const gaps: TraceGaps = { unknown: 0, cut: false };
  let time = 0;
  strict.clock = () => time;
  try {
    const file = await Deno.open(files[0]);
    for await (const { t, event } of readTrace(file.readable, gaps)) {
      time = t;
      strict.emit(event);
    }
  } catch (error) {
    if (!(error instanceof TraceFileError || isFileError(error))) throw error;
    err(`strict: ${files[0]}: ${(error as Error).message}\n`);
    return 2;
  }
  if (!gaps.cut) strict.end("ended");
  const about = { rules: RULES, dropped: strict.dropped, version: VERSION };
  out(formatReports((formats[0] ?? "text") as Format, strict.reports, about));
  if (gaps.cut) {
    err(`strict: ${files[0]}: the last line is cut off; what comes at the end of a run was not looked at\n`);
  }
  if (gaps.unknown > 0) err(`strict: ${files[0]}: ${gaps.unknown} lines of kinds that are not known\n`);
  return strict.violations > 0 ? 1 : 0;
}

function isFileError(error: unknown): boolean {
  const { NotFound, PermissionDenied, IsADirectory } = Deno.errors;
  return [NotFound, PermissionDenied, IsADirectory].some((kind) => error instanceof kind);
}

if (import.meta.main) {
  const write = (to: { writeSync(bytes: Uint8Array): number }) => (text: string) => {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
  };
  Deno.exitCode = await main(Deno.args, write(Deno.stdout), write(Deno.stderr));
}
