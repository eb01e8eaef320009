import { F } from "../../spec/mod.ts";
import { AreaLog } from "../golden/compare.ts";
import { fromHex, readTrace, type Trace, TraceError, type TraceStep } from "../golden/schema.ts";
import { Decoder } from "./decoder.ts";
import { Recording } from "./recording.ts";
import type { Replayed } from "./replay_ours.ts";
import { registerName } from "./registers.ts";
import { type Kind, type ReplayVerdict, type Side, TraceInputError, type Vocabulary } from "./steps.ts";

const AREAS = ["desc", "driver", "device"] as const;
const CAN: readonly Kind[] = ["write", "kick", "notify", "ring", "barrier", "used"];
const DESC_SIZE = 16, HEAD_FLAGS = 14;

/**
 * A golden trace from its parsed JSON.
 *
 * @throws {TraceInputError} naming file and key.
 */
export function parseGolden(value: unknown, file: string): Trace {
  try {
    return readTrace(value, file);
  } catch (e) {
    if (e instanceof TraceError) throw new TraceInputError(e.message);
    throw e;
  }
}

/** Steps of a golden trace; the numbers count its operations. */
export function goldenSide(trace: Trace, replay: Replayed, file: string, vocabulary: Vocabulary): Side {
  return sideOf(trace, file, vocabulary, replay);
}

/**
 * A golden trace, and our own queue under its operations in the same form. Where the replay could not go on, both end.
 */
export function againstOurs(
  trace: Trace,
  replay: Replayed,
  file: string,
  vocabulary: Vocabulary,
): [Side, Side] {
  const last = replay.unexplained ?? Infinity;
  const theirs = { ...trace, steps: trace.steps.filter((s) => s.i <= last) };
  const made = replay.steps.some((s) => Object.keys(s.areas).length > 0);
  const ours = { ...trace, steps: [...replay.steps], size: made ? trace.size : 0 };
  return [
    sideOf(theirs, file, vocabulary, replay),
    sideOf(ours, `ours of ${trace.name}`, vocabulary, undefined),
  ];
}

function sideOf(
  trace: Trace,
  file: string,
  vocabulary: Vocabulary,
  replay: ReplayVerdict | undefined,
): Side {
  const out = new Recording(file, vocabulary);
  const decoder = new Decoder(out, { selects: false });
  const device = out.newDevice(trace.name, `virtqueue (${trace.queue_type})`);
  const words = BigInt(trace.features_bits) | (trace.queue_type === "packed" ? F.RING_PACKED : 0n);
  const { accepted } = decoder.state(device);
  for (let k = 0; k < 4; k++) accepted[k] = Number((words >> BigInt(32 * k)) & 0xffff_ffffn);
  const log = new AreaLog(trace);
  const reader = new GoldenReader(trace, decoder, device);
  for (const step of trace.steps) {
    if (step.op.op === "note") continue;
    reader.read(
      step,
      log.next(step, (area, what) => {
        throw new TraceInputError(
          `${file}: steps[${step.i}].areas.${area}: found ${what}, more than the area has`,
        );
      }),
    );
  }
  return {
    file,
    format: "golden",
    unit: "step",
    can: new Set(CAN),
    cannot: new Map(),
    devices: out.finish(() => false),
    leftOut: out.leftOut,
    lines: trace.steps.length,
    ...replay === undefined ? {} : { replay },
  };
}

/** Plays the steps of a trace into a {@link Decoder}, in the order in which a driver does them. */
class GoldenReader {
  private readonly before = { desc: new Uint8Array(0), driver: new Uint8Array(0), device: new Uint8Array(0) };
  private head: number | undefined;

  constructor(
    private readonly trace: Trace,
    private readonly decoder: Decoder,
    private readonly device: number,
  ) {
    for (const { name, len } of trace.areas) this.before[name as "desc"] = new Uint8Array(len);
  }

  read(step: TraceStep, areas: Readonly<Record<"desc" | "driver" | "device", Uint8Array>>): void {
    const { trace, decoder, device } = this, { rings } = decoder;
    const write = (reg: string, value: number) => {
      const width = /_(desc|driver|device)(_hi)?$/.test(reg) ? 4 : 2;
      decoder.register(device, reg, width, value, true, step.i);
    };
    write("queue_select", trace.queue_index);
    for (const { reg, value } of step.config_writes ?? []) {
      if (reg === "queue_enable") decoder.queueState(device, trace.queue_index).size = trace.size;
      write(reg, Number(value) % 2 ** 32);
      if (/^queue_(desc|driver|device)$/.test(reg)) write(`${reg}_hi`, Math.floor(Number(value) / 2 ** 32));
    }
    for (const table of step.indirect ?? []) {
      rings.write("driver", Number(table.phys), fromHex(table.hex), step.i);
    }
    this.byDevice(step);
    this.byDriver(step, areas);
    // A cycle shows its end only.
    if (step.op.op !== "repeat_cycle") {
      rings.attend(device, trace.queue_index);
      for (const kind of step.barriers ?? []) rings.barrier(kind, step.i, true);
      for (const { width, value, data } of step.notifications) {
        decoder.register(device, registerName("notify", 4 * data.vqn), width, Number(value), true, step.i);
      }
    }
    this.head = step.driver_state?.write_index?.off;
  }

  private base(area: "desc" | "driver" | "device"): number {
    return this.decoder.queueState(this.device, this.trace.queue_index)[area];
  }
  private byDevice(step: TraceStep): void {
    const all = [
      ...step.device_during_op?.flatMap((d) => d.device_writes) ?? [],
      ...step.device_writes ?? [],
    ];
    for (const { name, off, hex } of all) {
      const area = AREAS.find((a) => a === name);
      if (area === undefined) {
        this.decoder.out.leaveOut("writes to buffers");
        continue;
      }
      const bytes = fromHex(hex);
      this.before[area].set(bytes, off);
      this.decoder.rings.write("device", this.base(area) + off, bytes, step.i);
    }
  }
  /** What is different after the step and was not written by the device. */
  private byDriver(step: TraceStep, areas: Readonly<Record<"desc" | "driver" | "device", Uint8Array>>): void {
    const { rings } = this.decoder;
    const head = this.trace.queue_type === "packed" && this.head !== undefined
      ? DESC_SIZE * this.head + HEAD_FLAGS
      : -1;
    let published: Uint8Array | undefined;
    for (const area of AREAS) {
      const old = this.before[area], now = areas[area];
      const by = area === "device" && step.op.op === "repeat_cycle" ? "device" : "driver";
      for (let from = 0; from < now.length;) {
        if (old[from] === now[from]) {
          from++;
          continue;
        }
        const isHead = area === "desc" && from >= head && from < head + 2 && head >= 0;
        let to = from + 1;
        while (
          to < now.length && old[to] !== now[to] && !(area === "desc" && (to === head || to === head + 2))
        ) to++;
        if (isHead) published = now.slice(head, head + 2);
        else rings.write(by, this.base(area) + from, now.slice(from, to), step.i);
        from = to;
      }
      old.set(now);
    }
    for (const table of step.indirect ?? []) rings.touch(Number(table.phys), step.i);
    rings.flush();
    // The first descriptor of a packed chain is published after the others (virtio 1.4, 2.8.21).
    if (published !== undefined) rings.write("driver", this.base("desc") + head, published, step.i);
    rings.flush();
  }
}
