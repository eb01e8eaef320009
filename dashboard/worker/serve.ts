import { finish, KINDS, NotRecordedError, type Step, STEPS, Timeline } from "../../verify/record/mod.ts";
import { compile } from "../../verify/record/filter.ts";
import { CHUNK } from "../../verify/record/columns.ts";
import type { Recorder } from "../../verify/record/mod.ts";
import type { CallName, Calls, EventRow, Progress, Reply, Request, Source } from "../lib/protocol.ts";

/** Pages that one answer brings at most. */
const MOST_PAGES = 4096;
/** Events that one answer brings at most. */
const MOST_ROWS = 20_000;
/** Events that are made in one piece. */
const PIECE = 256;

/** What only a host with a machine can do; a file can do none of it. */
export interface Host {
  boot?(args: Calls["boot"]["args"]): Calls["boot"]["answer"];
  input?(args: Calls["input"]["args"]): void;
  hold?(args: Calls["hold"]["args"]): void;
}

/** Answers the calls of the protocol from a recording. One for each page that looks at it. */
export class Server {
  private timeline: Timeline;

  constructor(recorder: Recorder, readonly source: Source, private readonly host: Host = {}) {
    this.timeline = new Timeline(recorder);
  }

  /** Another recording from now on. */
  follow(recorder: Recorder): void {
    this.timeline = new Timeline(recorder);
  }

  /** Never throws: what goes wrong is in the reply. */
  answer(request: Request): Reply {
    return finish(this.work(request));
  }
  /**
   * {@link answer} in pieces of well under a millisecond, whatever the length of the recording; what changes something is
   * done in the first. Never throws.
   */
  *work(request: Request): Generator<void, Reply> {
    const { id } = request;
    try {
      return { id, ok: yield* this.call(request.call, request.args) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return {
        id,
        error: error instanceof NotRecordedError ? `${message} (older ones were dropped)` : message,
      };
    }
  }
  progress(machine: Progress["machine"], more: Partial<Progress> = {}): Progress {
    const { first, length } = this.timeline;
    const { bytes, limit } = this.timeline.recorder;
    const t = length === 0 ? 0 : this.timeline.time(length - 1);
    return { first, length, t, bytes, limit, machine, ...more };
  }

  private *call(name: CallName, args: unknown): Generator<void, Calls[CallName]["answer"]> {
    // A page may boot another machine while this is under way.
    const { timeline } = this;
    switch (name) {
      case "boot":
        return this.able("boot", "boot")(args as Calls["boot"]["args"]);
      case "input":
        this.able("input", "take input")(args as Calls["input"]["args"]);
        return {};
      case "hold":
        this.able("hold", "be held")(args as Calls["hold"]["args"]);
        return {};
      case "state":
        return this.state(args as Calls["state"]["args"]);
      case "events": {
        const { from, count } = args as Calls["events"]["args"];
        const to = Math.min(timeline.length, from + Math.min(count, MOST_ROWS));
        const numbers: number[] = [];
        for (let at = Math.max(from, timeline.first); at < to; at++) numbers.push(at);
        return { rows: yield* rows(timeline, numbers) };
      }
      case "matches": {
        const { filters, from, most } = args as Calls["matches"]["args"];
        return { numbers: Float64Array.from(yield* timeline.matching(filters, from, undefined, most)) };
      }
      case "rows": {
        const { filters, from, to, most } = args as Calls["rows"]["args"];
        const numbers = yield* timeline.matching(filters, from, to, Math.min(most, MOST_ROWS));
        return { rows: yield* rows(timeline, numbers) };
      }
      case "next": {
        const { filters, from, direction } = args as Calls["next"]["args"];
        return { at: (yield* timeline.finding(filters, from, direction)) ?? -1 };
      }
      case "atTime":
        return { at: timeline.atTime((args as Calls["atTime"]["args"]).t) };
      case "density":
        return yield* density(timeline, (args as Calls["density"]["args"]).buckets);
      default:
        throw new Error(`no call '${name}'`);
    }
  }

  private able<K extends "boot" | "input" | "hold">(name: K, what: string): NonNullable<Host[K]> {
    const able = this.host[name];
    if (able === undefined) throw new Error(`${this.source.title}: cannot ${what} from here`);
    return able.bind(this.host) as NonNullable<Host[K]>;
  }
  private state({ at, pages, console }: Calls["state"]["args"]): Calls["state"]["answer"] {
    const { recorder } = this.timeline;
    const moment = this.timeline.stateAt(at);
    const found: [number, Uint8Array][] = [];
    for (const number of pages.slice(0, MOST_PAGES)) {
      const page = moment.page(number);
      if (page !== undefined) found.push([number, page.slice()]);
    }
    const texts: Record<string, Uint8Array> = {};
    if (console !== undefined) {
      for (const { chardev, output } of moment.state.chardevs) {
        texts[chardev] = recorder.output(chardev, output, console);
      }
    }
    return { state: moment.state, pages: found, written: moment.pages, console: texts };
  }
}

/** Events by their numbers; those that were dropped meanwhile are missing. */
function* rows(timeline: Timeline, numbers: readonly number[]): Generator<void, EventRow[]> {
  const found: EventRow[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const at = numbers[i];
    if (at >= timeline.first) found.push({ at, t: timeline.time(at), event: timeline.event(at) });
    if (i % PIECE === PIECE - 1) yield;
  }
  return found;
}

/** How many events of each group there are in equal parts of the recording. */
function* density(timeline: Timeline, buckets: number): Generator<void, Calls["density"]["answer"]> {
  const { recorder } = timeline, { first, length } = recorder;
  const names = Object.keys(STEPS) as Step[];
  const groups = {} as Record<Step, Uint32Array>;
  for (const name of names) groups[name] = new Uint32Array(buckets);
  const of = KINDS.map((kind) =>
    names.filter((n) => n !== "ring" && (STEPS[n] as readonly string[]).includes(kind)).map((n) => groups[n])
  );
  const ring = compile({ step: "ring" }, recorder.strings);
  const scale = buckets / Math.max(1, length - first);
  for (let base = first; base < length; base += CHUNK) {
    const c = recorder.chunks[base / CHUNK - recorder.droppedChunks];
    if (c === undefined) continue;
    for (let i = 0; i < Math.min(c.length, length - base); i++) {
      const bucket = Math.min(buckets - 1, Math.floor((base - first + i) * scale));
      for (const counts of of[c.kind[i]]) counts[bucket]++;
      if (ring(c, i)) groups.ring[bucket]++;
    }
    yield;
  }
  return { first, length, groups };
}
