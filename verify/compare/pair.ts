import type { Side, TraceDevice } from "./steps.ts";

/** A device of each side; undefined: that side has none like it. */
export interface DevicePair {
  readonly name: string;
  readonly a: TraceDevice | undefined;
  readonly b: TraceDevice | undefined;
}

/**
 * Which device of one side is which of the other: by kind, in the order in which they appear; what has no name (a pointer
 * in a log without register accesses, the queue of a golden trace) by what it did.
 */
export function pairDevices(a: Side, b: Side): DevicePair[] {
  const left = [...a.devices], right = [...b.devices];
  const pairs: DevicePair[] = [];
  const counts = new Map<string, number>();
  const add = (x: TraceDevice | undefined, y: TraceDevice | undefined) => {
    const type = x?.type ?? y?.type ?? x?.alias ?? y!.alias;
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    pairs.push({ name: count === 1 ? type : `${type}#${count}`, a: x, b: y });
  };
  const take = (x: TraceDevice | undefined, y: TraceDevice | undefined) => {
    if (x !== undefined) left.splice(left.indexOf(x), 1);
    if (y !== undefined) right.splice(right.indexOf(y), 1);
    add(x, y);
  };
  for (const x of [...left]) {
    const y = x.type === undefined ? undefined : right.find((d) => d.type === x.type);
    if (y !== undefined) take(x, y);
  }
  // The rest by likeness, the most alike first.
  const loose = (d: TraceDevice) => d.type === undefined || d.type.startsWith("virtqueue");
  for (;;) {
    let best: { x: TraceDevice; y: TraceDevice; score: number } | undefined;
    for (const x of left) {
      for (const y of right) {
        if (!loose(x) && !loose(y)) continue;
        const score = likeness(x, y);
        if (best === undefined || score > best.score) best = { x, y, score };
      }
    }
    if (best === undefined) break;
    take(best.x, best.y);
  }
  for (const x of [...left]) take(x, undefined);
  for (const y of [...right]) take(undefined, y);
  return pairs;
}

/** Steps that both have, over all steps; order does not count. */
function likeness(x: TraceDevice, y: TraceDevice): number {
  const counts = new Map<number, number>();
  let total = 0, same = 0;
  for (const { steps } of x.lanes) {
    total += steps.length;
    for (let i = 0; i < steps.length; i++) counts.set(steps.info[i], (counts.get(steps.info[i]) ?? 0) + 1);
  }
  for (const { steps } of y.lanes) {
    total += steps.length;
    for (let i = 0; i < steps.length; i++) {
      const left = counts.get(steps.info[i]) ?? 0;
      if (left > 0) same++;
      counts.set(steps.info[i], left - 1);
    }
  }
  return total === 0 ? 0 : 2 * same / total;
}
