import type { TraceEvent } from "../../spec/trace.ts";
import { CHUNK, type Chunk } from "./columns.ts";
import { compile, type EventFilter, type Match } from "./filter.ts";
import { KIND } from "./kinds.ts";
import { PAGE, type Pages, writePages } from "./memory.ts";
import type { Recorder } from "./recorder.ts";
import type { MachineState } from "./state.ts";

/** The event is not (or no longer, or not yet) in the recording. */
export class NotRecordedError extends Error {
  override name = "NotRecordedError";
}

/** The machine after one event: what its registers tell, and its memory. An access counts as done. */
export class Moment {
  constructor(
    readonly state: MachineState,
    private readonly page_: (number: number) => Uint8Array | undefined,
    /** Numbers of the pages (of 4096 bytes) that had been written. */
    readonly pages: readonly number[],
  ) {}

  /** A page of memory; undefined: it was never written, all zeros. Not to be written to. */
  page(number: number): Uint8Array | undefined {
    return this.page_(number);
  }
  /** A copy of `length` bytes at a guest-physical address. */
  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const number = Math.floor((address + done) / PAGE), offset = address + done - number * PAGE;
      const n = Math.min(length - done, PAGE - offset);
      const page = this.page_(number);
      if (page !== undefined) bytes.set(page.subarray(offset, offset + n), done);
      done += n;
    }
    return bytes;
  }
}

/** Does work that can be done in pieces at once. */
export function finish<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value as T;
  }
}

/** Looks into a recording: events by number, searches, and the state at any of them. The recording may go on growing. */
export class Timeline {
  constructor(readonly recorder: Recorder) {}

  /** Events so far, dropped ones included: the number of the next. */
  get length(): number {
    return this.recorder.length;
  }
  /** Number of the oldest event there is. */
  get first(): number {
    return this.recorder.first;
  }

  /** @throws {NotRecordedError} */
  event(at: number): TraceEvent {
    const [c, i] = this.find_(at);
    return c.event(i);
  }
  /** Its time in virtual nanoseconds. @throws {NotRecordedError} */
  time(at: number): number {
    const [c, i] = this.find_(at);
    return c.t[i];
  }
  /** The first event at `t` or later; the length if there is none. */
  atTime(t: number): number {
    let low = this.first, high = this.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.time(middle) < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The nearest event that one of the filters means: from `from` on forwards (1), or backwards (-1). `from` itself counts.
   * undefined: there is none.
   */
  find(
    filters: readonly EventFilter[] | EventFilter,
    from: number,
    direction: 1 | -1 = 1,
  ): number | undefined {
    return finish(this.finding(filters, from, direction));
  }
  /** {@link find} in pieces: yields after each chunk, so that something else can have its turn. */
  *finding(
    filters: readonly EventFilter[] | EventFilter,
    from: number,
    direction: 1 | -1 = 1,
  ): Generator<void, number | undefined> {
    const match = this.matcher(filters);
    let at = direction > 0 ? from : Math.min(from, this.length - 1);
    for (;;) {
      // The recording may have lost its oldest chunks meanwhile, and grown.
      if (direction > 0) at = Math.max(at, this.first);
      if (at < this.first || at >= this.length) return undefined;
      const { c, base } = this.chunkOf(at);
      if (direction > 0) {
        for (let i = at - base; i < c.length; i++) if (match(c, i)) return base + i;
        at = base + CHUNK;
      } else {
        for (let i = at - base; i >= 0; i--) if (match(c, i)) return base + i;
        at = base - 1;
      }
      yield;
    }
  }
  /** Numbers of all events in [from, to) that one of the filters means; at most `most`, the first ones. */
  matches(
    filters: readonly EventFilter[] | EventFilter,
    from = this.first,
    to = this.length,
    most = Infinity,
  ): number[] {
    return finish(this.matching(filters, from, to, most));
  }
  /** {@link matches} in pieces: yields after each chunk. */
  *matching(
    filters: readonly EventFilter[] | EventFilter,
    from = this.first,
    to = this.length,
    most = Infinity,
  ): Generator<void, number[]> {
    const match = this.matcher(filters);
    const found: number[] = [];
    for (let at = Math.max(from, this.first); at < Math.min(to, this.length);) {
      const { c, base } = this.chunkOf(at);
      const end = Math.min(c.length, to - base);
      for (let i = at - base; i < end; i++) {
        if (!match(c, i)) continue;
        found.push(base + i);
        if (found.length >= most) return found;
      }
      yield;
      at = Math.max(base + CHUNK, this.first);
    }
    return found;
  }

  /** The machine after event `at`; -1, or the last dropped one, is before the first that is kept. @throws {NotRecordedError} */
  stateAt(at: number): Moment {
    const { recorder } = this;
    const { chunks, frames, droppedChunks, memory } = recorder;
    if (at === recorder.length - 1) return this.now();
    if (at < this.first - 1 || at >= this.length) {
      throw new NotRecordedError(`no event ${at}: there are ${this.first} to ${this.length - 1}`);
    }
    const k = Math.max(0, Math.floor(at / CHUNK) - droppedChunks);
    const c = chunks[k], frame = k + droppedChunks;
    const derived = frames[k].copy();
    const own: Pages = new Map();
    const writable = (number: number) => {
      let page = own.get(number);
      if (page === undefined) {
        const old = memory.at(frame, number);
        own.set(number, page = old === undefined ? new Uint8Array(PAGE) : old.slice());
      }
      return page;
    };
    const last = at - frame * CHUNK;
    for (let i = 0; i <= last; i++) {
      const kind = c.kind[i];
      if (kind === KIND.mem_write || kind === KIND.page_table_write) {
        writePages(writable, c.a[i], c.payload(i), c.v[i]);
      }
      derived.apply(c, i, frame * CHUNK + i);
    }
    const pages = new Set(memory.pagesAt(frame));
    for (const number of own.keys()) pages.add(number);
    return new Moment(
      derived.state(at, last < 0 ? 0 : c.t[last]),
      (number) => own.get(number) ?? memory.at(frame, number),
      [...pages].sort((a, b) => a - b),
    );
  }

  /** After the last event: nothing to be computed. Its memory is what it is when it is looked at. */
  private now(): Moment {
    const { live, memory, length } = this.recorder;
    const pages = [...memory.live.keys()].sort((a, b) => a - b);
    const t = length === 0 ? 0 : this.time(length - 1);
    return new Moment(live.state(length - 1, t), (number) => memory.live.get(number), pages);
  }

  /** The chunk of an event that is kept, and the number of its first. */
  private chunkOf(at: number): { c: Chunk; base: number } {
    const { chunks, droppedChunks } = this.recorder;
    const k = Math.floor(at / CHUNK);
    return { c: chunks[k - droppedChunks], base: k * CHUNK };
  }
  private find_(at: number): [Chunk, number] {
    if (!(at >= this.first && at < this.length)) {
      throw new NotRecordedError(`no event ${at}: there are ${this.first} to ${this.length - 1}`);
    }
    return [this.chunkOf(at).c, at % CHUNK];
  }
  private matcher(filters: readonly EventFilter[] | EventFilter): Match {
    const list = (Array.isArray(filters) ? filters : [filters]) as readonly EventFilter[];
    const all = list.map((f) => compile(f, this.recorder.strings));
    if (all.length === 1) return all[0];
    return (c, i) => all.some((match) => match(c, i));
  }
}
