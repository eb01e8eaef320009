import { align } from "./align.ts";
import type { Hunk, LaneResult } from "./compare.ts";
import type { Vocabulary } from "./steps.ts";

/** A row of a side-by-side view: positions in the lane; -1: nothing on that side. */
export interface Row {
  readonly a: number;
  readonly b: number;
  readonly mark: " " | "~" | "<" | ">";
}

/** Rows of a difference: steps about the same register or field stand side by side. */
export function rowsOf({ a, b }: LaneResult, { a0, a1, b0, b1 }: Hunk, { infos }: Vocabulary): Row[] {
  const names = new Map<string, number>();
  const number = (info: number) => {
    const { kind, name } = infos[info], key = `${kind} ${name}`;
    if (!names.has(key)) names.set(key, names.size);
    return names.get(key)!;
  };
  const matches = align(a.info.slice(a0, a1).map(number), b.info.slice(b0, b1).map(number));
  const rows: Row[] = [];
  let x = a0, y = b0;
  for (const m of [...matches, { a: a1 - a0, b: b1 - b0, length: 0 }]) {
    while (x < a0 + m.a) rows.push({ a: x++, b: -1, mark: "<" });
    while (y < b0 + m.b) rows.push({ a: -1, b: y++, mark: ">" });
    for (let k = 0; k < m.length; k++) rows.push({ a: x++, b: y++, mark: "~" });
  }
  return rows;
}

/** Rows of a lane: differences with `context` equal steps around, or everything. undefined stands for steps left out. */
export function* view(
  lane: LaneResult,
  vocabulary: Vocabulary,
  context: number,
): Generator<Row | { readonly skipped: number }> {
  let x = 0, y = 0;
  function* equal(n: number, first: boolean, last: boolean): Generator<Row | { readonly skipped: number }> {
    const head = context === Infinity ? n : first ? 0 : Math.min(context, n),
      tail = last ? 0 : Math.min(context, n - head);
    const skipped = n - head - tail;
    for (let k = 0; k < n; k++) {
      if (k === head && skipped > 0) {
        yield { skipped };
        k += skipped - 1;
      } else yield { a: x + k, b: y + k, mark: " " };
    }
    x += n;
    y += n;
  }
  for (const hunk of lane.hunks) {
    yield* equal(hunk.a0 - x, x === 0 && y === 0, false);
    yield* rowsOf(lane, hunk, vocabulary);
    x = hunk.a1;
    y = hunk.b1;
  }
  if (lane.a.length > x) yield* equal(lane.a.length - x, lane.hunks.length === 0, true);
}
