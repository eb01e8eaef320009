import { type OurStep, replayTrace } from "../golden/replay.ts";
import { type DriverState, toHex, type Trace, type TraceStep } from "../golden/schema.ts";
import type { ReplayVerdict } from "./steps.ts";

const AREAS = ["desc", "driver", "device"] as const;
type Before = Partial<Record<(typeof AREAS)[number], Uint8Array>>;

/** What came of a golden trace's operations on our own queue. */
export interface Replayed extends ReplayVerdict {
  /** In the form of the trace, without what the driver hands back. */
  readonly steps: readonly TraceStep[];
}

/** Replays a golden trace on our queue, and keeps what it did. */
export function replayOurs(trace: Trace): Replayed {
  const steps: TraceStep[] = [];
  const before: Before = {};
  const { at, difference } = replayTrace(trace, (ours) => steps.push(ourStep(ours, before)));
  return { steps, at, unexplained: difference?.step };
}

function ourStep({ step, world, queue, areas, writes }: OurStep, before: Before): TraceStep {
  const { write, writeWrap } = queue?.snapshot().indices ?? {};
  const cycles = step.op.op === "repeat_cycle";
  const snapshot: TraceStep["areas"] = {};
  if (areas !== undefined) {
    for (const name of AREAS) {
      const old = before[name] ?? new Uint8Array(areas[name].length), now = areas[name].slice();
      snapshot[name] = { diff: differences(old, now) };
      before[name] = now;
    }
  }
  return {
    i: step.i,
    op: step.op,
    result: {},
    config_writes: step.op.op === "create" ? world.configWrites : [],
    notifications: world.notifications.map(({ width, value, next }) => ({
      width,
      value: `0x${value.toString(16)}`,
      data: { vqn: value & 0xffff, next_idx: next, next_off: next & 0x7fff, next_wrap: next >> 15 },
    })),
    barriers: [...world.barriers],
    areas: snapshot,
    driver_state: write === undefined
      ? null
      : { write_index: { off: write, wrap: writeWrap } } as DriverState,
    indirect: world.tables.flatMap((t, k) => {
      const bytes = world.bytes(t.phys, t.length);
      if (bytes === undefined) return [];
      return [{ name: `table ${k}`, phys: `0x${t.phys.toString(16)}`, len: t.length, hex: toHex(bytes) }];
    }),
    device_writes: cycles ? [] : writes.map((w) => ({ name: w.name, off: w.off, hex: toHex(w.bytes) })),
  };
}

/** Runs of bytes that are not as before, as golden traces have them. */
function differences(old: Uint8Array, now: Uint8Array): [number, string][] {
  const found: [number, string][] = [];
  for (let from = 0; from < now.length; from++) {
    if (old[from] === now[from]) continue;
    let to = from + 1;
    while (to < now.length && old[to] !== now[to]) to++;
    found.push([from, toHex(now.subarray(from, to))]);
    from = to;
  }
  return found;
}
