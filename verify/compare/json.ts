import {
  type Comparison,
  differencesOf,
  firstDifference,
  type Found,
  type LaneResult,
  mayBeTime,
  stepAt,
} from "./compare.ts";
import { explain } from "./explain.ts";
import type { Side } from "./steps.ts";

/** Steps of each side that are listed of one difference, and differences; their numbers are all there. */
const MAX_STEPS = 1000, MAX_DIFFERENCES = 10_000;

/** The result as JSON for programs: sides, what was compared, lanes, differences in order, and the first one in words. */
export function jsonReport(comparison: Comparison): string {
  const { vocabulary } = comparison;
  const side = ({ file, format, lines, leftOut }: Side) => ({
    file,
    format,
    lines,
    leftOut: Object.fromEntries(leftOut),
  });
  const steps = (list: LaneResult["a"], from: number, to: number) => {
    const found = [];
    for (let i = from; i < to; i++) {
      const { line, kind, text } = stepAt(list, i, vocabulary)!;
      found.push({ line, kind, text });
    }
    return found;
  };
  const difference = ({ lane, hunk }: Found) => ({
    device: lane.device,
    lane: lane.lane,
    queue: lane.queue,
    time: mayBeTime(comparison, { lane, hunk }),
    count: { a: hunk.a1 - hunk.a0, b: hunk.b1 - hunk.b0 },
    a: steps(lane.a, hunk.a0, Math.min(hunk.a1, hunk.a0 + MAX_STEPS)),
    b: steps(lane.b, hunk.b0, Math.min(hunk.b1, hunk.b0 + MAX_STEPS)),
  });
  const first = firstDifference(comparison);
  return JSON.stringify(
    {
      same: comparison.same,
      a: side(comparison.a),
      b: side(comparison.b),
      kinds: comparison.kinds,
      omitted: comparison.omitted,
      lanes: comparison.lanes.map(({ device, lane, queue, a, b, hunks }) => ({
        device,
        lane,
        queue,
        a: a.length,
        b: b.length,
        differences: hunks.length,
      })),
      differences: differencesOf(comparison).slice(0, MAX_DIFFERENCES).map(difference),
      first: first === undefined ? undefined : { ...difference(first), ...explain(comparison, first) },
    },
    null,
    1,
  );
}
