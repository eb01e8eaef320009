import { type Comparison, differencesOf, type Found, type LaneResult, mayBeTime, stepAt } from "./compare.ts";
import { explain } from "./explain.ts";
import { firstDifference } from "./compare.ts";
import type { Side } from "./steps.ts";

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
    a: steps(lane.a, hunk.a0, hunk.a1),
    b: steps(lane.b, hunk.b0, hunk.b1),
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
      differences: differencesOf(comparison).map(difference),
      first: first === undefined ? undefined : { ...difference(first), ...explain(comparison, first) },
    },
    null,
    1,
  );
}
