import {
  type Comparison,
  differencesOf,
  firstDifference,
  type LaneResult,
  mayBeTime,
  stepAt,
} from "./compare.ts";
import { explain, type Explanation } from "./explain.ts";
import type { Side } from "./steps.ts";
import { view } from "./rows.ts";

export interface PrintOptions {
  /** Columns. */
  readonly width: number;
  readonly color: boolean;
  /** Equal steps around a difference; Infinity: all of them. */
  readonly context: number;
  /** Rows of a lane that are printed at most. */
  readonly rows: number;
}

const SGR = { "<": "31", ">": "32", "~": "33", bold: "1", dim: "2" } as const;
const FORMATS: Readonly<Record<Side["format"], string>> = {
  simulated: "trace of the simulated machine",
  "on QEMU": "trace of a run on QEMU",
  "QEMU log": "QEMU's log",
  golden: "golden trace",
};

/** The report, line by line. */
export function* report(comparison: Comparison, options: PrintOptions): Generator<string> {
  const paint = (style: keyof typeof SGR, text: string) =>
    options.color ? `\x1b[${SGR[style]}m${text}\x1b[0m` : text;
  const { a, b, lanes } = comparison;
  for (const [name, side] of [["A", a], ["B", b]] as const) {
    yield `${name}: ${side.file}: ${FORMATS[side.format]}, ${side.lines} ${side.unit}s`;
  }
  yield `compared: ${comparison.kinds.join(" ") || "nothing"}`;
  for (const { kind, a, b, why } of comparison.omitted) {
    yield `left out: ${kind} (${a} of A, ${b} of B): ${why}`;
  }
  for (const [name, side] of [["A", a], ["B", b]] as const) yield* leftOut(name, side);
  for (const lane of lanes) {
    const alike = lane.matches.reduce((n, m) => n + m.length, 0);
    const verdict = lane.hunks.length === 0
      ? `${alike} steps, same`
      : `${lane.a.length} | ${lane.b.length} steps, ${plural(lane.hunks.length, "difference")}`;
    yield "";
    yield paint("bold", `${titleOf(lane)}: ${verdict}`);
    if (lane.hunks.length > 0 || options.context === Infinity) yield* table(comparison, lane, options, paint);
  }
  yield "";
  yield* closing(comparison, paint);
}

const plural = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

function* leftOut(name: string, { leftOut }: Side): Generator<string> {
  if (leftOut.size === 0) return;
  const list = [...leftOut].sort((x, y) => y[1] - x[1]);
  const shown = list.slice(0, 5).map(([what, n]) => `${n} ${what}`).join(", ");
  const rest = list.slice(5).reduce((n, [, count]) => n + count, 0);
  yield `not steps of a virtio device, ${name}: ${shown}${rest > 0 ? `, ${rest} others` : ""}`;
}

/** `virtio-rng queue 0, device`. */
export function titleOf({ device, lane, queue }: LaneResult): string {
  return `${device}${queue === undefined ? "" : ` queue ${queue}`}, ${lane}`;
}

function* table(
  { vocabulary }: Comparison,
  lane: LaneResult,
  { width, context, rows }: PrintOptions,
  paint: (style: keyof typeof SGR, text: string) => string,
): Generator<string> {
  const column = Math.max(20, Math.floor((width - 5) / 2));
  const cell = (list: LaneResult["a"], i: number) => {
    const s = stepAt(list, i, vocabulary);
    const text = s === undefined
      ? ""
      : `${String(s.line).padStart(7)} ${
        s.kind === "read" || s.kind === "write" ? "" : `${s.kind}: `
      }${s.text}`;
    return text.length > column ? text.slice(0, column - 1) + "…" : text.padEnd(column);
  };
  let left = rows;
  for (const row of view(lane, vocabulary, context)) {
    if (left-- === 0) {
      yield paint("dim", "  ... more (--all)");
      return;
    }
    if ("skipped" in row) yield paint("dim", `  ... ${plural(row.skipped, "equal step")}`);
    else {
      const line = `${row.mark} ${cell(lane.a, row.a)} | ${cell(lane.b, row.b)}`.trimEnd();
      yield row.mark === " " ? line : paint(row.mark, line);
    }
  }
}

function* closing(
  comparison: Comparison,
  paint: (style: keyof typeof SGR, text: string) => string,
): Generator<string> {
  const all = differencesOf(comparison);
  const first = firstDifference(comparison);
  if (first === undefined) {
    const steps = comparison.lanes.reduce((n, l) => n + l.a.length, 0);
    yield paint(
      "bold",
      steps === 0 ? "same: but nothing was compared" : `same: ${plural(steps, "step")} of each side`,
    );
    return;
  }
  const timed = all.filter((found) => mayBeTime(comparison, found)).length;
  yield paint(
    "bold",
    `${plural(all.length, "difference")}${
      timed > 0 ? `, ${timed} of them of a kind that time alone can make` : ""
    }`,
  );
  yield paint(
    "bold",
    `the first${timed > 0 && timed < all.length ? " of the others" : ""}: ${titleOf(first.lane)}`,
  );
  yield* inWords(explain(comparison, first));
}

function* inWords({ text, meaning, known, notes }: Explanation): Generator<string> {
  yield `  ${text}`;
  if (meaning !== undefined) yield `  ${meaning}`;
  for (const note of notes) yield `  ${note}`;
  for (const { id, text, how } of known) yield `  ${HOW[how]}: ${id === undefined ? "" : `${id}: `}${text}`;
}
const HOW: Readonly<Record<Explanation["known"][number]["how"], string>> = {
  here: "A known divergence of Hermit",
  earlier: "May follow from an earlier divergence of Hermit",
  like: "Looks like a known divergence of Hermit",
};
