import type { Frame, Report } from "../report.ts";

/** How reports are written for a terminal. */
export interface TerminalOptions {
  readonly color?: boolean;
  /** Lines of a source file, if it can be read: for the excerpt. */
  readonly source?: (file: string) => readonly string[] | undefined;
}

const COLORS = { violation: "31;1", warning: "33;1", note: "36;1" } as const;
/** Lines of source around the one that is meant. */
const AROUND = 2;

/** One report for people: what, where, what was found and expected, the driver's line, and what to look at. */
export function terminalReport(report: Report, options: TerminalOptions = {}): string {
  const paint = (text: string, code: string) => options.color ? `\x1b[${code}m${text}\x1b[0m` : text;
  const who = report.device === undefined
    ? ""
    : ` ${report.device}${report.queue === undefined ? "" : ` queue ${report.queue}`}`;
  const lines = [
    paint(`${report.level}: ${report.title}`, COLORS[report.level]) + ` [${report.rule}]`,
    `  at ${report.time} ns, event ${report.event}:${who === "" ? "" : `${who}:`} ${report.found}`,
    `  expected: ${report.expected}`,
  ];
  for (const { what, address, value } of report.evidence) {
    lines.push(`  ${what}${address === undefined ? "" : ` at 0x${address.toString(16)}`}: ${value}`);
  }
  const [frame, ...callers] = report.place;
  if (frame !== undefined) {
    lines.push(`  in ${describe(frame)}`, ...excerpt(frame, options, paint));
    for (const caller of callers.slice(0, 3)) lines.push(`  called from ${describe(caller)}`);
  }
  lines.push(
    `  rule: ${report.section}${report.clauses.length === 0 ? "" : ` (${report.clauses.join("; ")})`}`,
  );
  lines.push(`  hint: ${report.hint}`);
  if (report.count > 1) lines.push(`  seen ${report.count} times, last at ${report.lastTime} ns`);
  return lines.join("\n") + "\n";
}

/** How many of each; `no rule was broken` where there is nothing. */
export function summary(reports: readonly Report[], dropped: number): string {
  if (reports.length === 0) return "strict: no rule was broken";
  const count = (level: Report["level"]) => {
    const n = reports.filter((r) => r.level === level).length;
    return n === 0 ? [] : [`${n} ${level}${n === 1 ? "" : "s"}`];
  };
  const parts = [...count("violation"), ...count("warning"), ...count("note")];
  return `strict: ${parts.join(", ")}${dropped === 0 ? "" : `, and ${dropped} more that were not kept`}`;
}

const describe = ({ file, line, column, name }: Frame) =>
  `${name === "" ? "" : `${name}, `}${file}:${line}:${column}`;

function excerpt(
  frame: Frame,
  options: TerminalOptions,
  paint: (text: string, code: string) => string,
): string[] {
  const source = options.source?.(frame.file);
  if (source === undefined || frame.line > source.length) return [];
  const from = Math.max(1, frame.line - AROUND), to = Math.min(source.length, frame.line + AROUND);
  const width = String(to).length;
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const n = from + i;
    const text = `  ${n === frame.line ? ">" : " "} ${String(n).padStart(width)} | ${source[n - 1]}`;
    return n === frame.line ? paint(text, "1") : text;
  });
}
