import type { EventFilter, EventRow, MachineState } from "../protocol.ts";
import { queueRole } from "./rings.ts";

/** Bytes over time: of each bucket its middle (seconds of virtual time) and bytes per second. */
export interface Throughput {
  readonly t: readonly number[];
  /** To the guest and from it: frames. */
  readonly received: readonly number[];
  readonly sent: readonly number[];
  /** Output of consoles. */
  readonly printed: readonly number[];
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly printedBytes: number;
}

/** What {@link throughput} is computed from. */
export const THROUGHPUT_FILTERS: readonly EventFilter[] = [{ kinds: ["frame_in", "frame_out", "output"] }];

/** Sums up by buckets of equal length between the first and the last row. */
export function throughput(rows: readonly EventRow[], buckets: number): Throughput {
  const from = rows[0]?.t ?? 0, to = Math.max(rows[rows.length - 1]?.t ?? 0, from + 1);
  const width = (to - from) / buckets;
  const series = {
    frame_in: new Float64Array(buckets),
    frame_out: new Float64Array(buckets),
    output: new Float64Array(buckets),
  };
  const sums = { frame_in: 0, frame_out: 0, output: 0 };
  for (const { t, event } of rows) {
    if (event.ev !== "frame_in" && event.ev !== "frame_out" && event.ev !== "output") continue;
    const bytes = event.hex.length / 2;
    series[event.ev][Math.min(buckets - 1, Math.floor((t - from) / width))] += bytes;
    sums[event.ev] += bytes;
  }
  const rate = (bytes: Float64Array) => Array.from(bytes, (n) => n / width * 1e9);
  return {
    t: Array.from({ length: buckets }, (_, i) => (from + (i + .5) * width) / 1e9),
    received: rate(series.frame_in),
    sent: rate(series.frame_out),
    printed: rate(series.output),
    receivedBytes: sums.frame_in,
    sentBytes: sums.frame_out,
    printedBytes: sums.output,
  };
}

/** From a notification to the device's first write to that queue's ring, in nanoseconds of virtual time. */
export interface Latency {
  readonly at: number;
  readonly t: number;
  readonly ns: number;
}
export interface QueueLatency {
  /** `virtio-rng-pci.0 queue 0`. */
  readonly queue: string;
  readonly points: readonly Latency[];
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** What {@link latencies} are computed from: notifications, and what devices write to rings. */
export function latencyFilters(state: MachineState): EventFilter[] {
  const devices = new Set(state.virtio.map((v) => v.device));
  return [
    { kinds: ["notify"] },
    ...[...devices].map((dev): EventFilter => ({ step: "ring", dev: `${dev} queue` })),
  ];
}

/**
 * Latencies by queue, in the order of their first notification; those that receive are left out, as they wait for the
 * world outside. A notification while another is open does not count.
 */
export function latencies(rows: readonly EventRow[], state: MachineState): QueueLatency[] {
  const skipped = new Set(
    state.virtio.flatMap((v) =>
      v.queues.filter((q) => /receive/.test(queueRole(v, q.index))).map((q) => `${v.device} queue ${q.index}`)
    ),
  );
  const open = new Map<string, EventRow>();
  const found = new Map<string, Latency[]>();
  for (const row of rows) {
    const e = row.event;
    if (e.ev === "notify") {
      const queue = `${e.dev} queue ${e.queue}`;
      if (!open.has(queue) && !skipped.has(queue)) open.set(queue, row);
    } else if (e.ev === "mem_write" && e.by === "device" && e.area !== undefined) {
      const queue = /^.* queue \d+/.exec(e.area)?.[0] ?? "";
      const begun = open.get(queue);
      if (begun === undefined) continue;
      open.delete(queue);
      let points = found.get(queue);
      if (points === undefined) found.set(queue, points = []);
      points.push({ at: begun.at, t: begun.t, ns: row.t - begun.t });
    }
  }
  return [...found].map(([queue, points]) => {
    const sorted = points.map((p) => p.ns).sort((a, b) => a - b);
    return {
      queue,
      points,
      least: sorted[0],
      median: sorted[sorted.length >> 1],
      most: sorted[sorted.length - 1],
    };
  });
}
