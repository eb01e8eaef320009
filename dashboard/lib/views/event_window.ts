import type { CallName, Calls, EventFilter, EventRow, Step } from "../protocol.ts";

/** Events that one question brings. */
const BLOCK = 256;
/** Blocks that are remembered. */
const MOST_BLOCKS = 64;
/** Numbers of filtered events that one question brings. */
const MOST_NUMBERS = 200_000;

/** What a window asks: a `Session` is one. */
export interface EventSource {
  call<K extends CallName>(name: K, args: Calls[K]["args"]): Promise<Calls[K]["answer"] | undefined>;
}

/**
 * A list of events that is looked at through a window: `length` lines, of which only those asked for are fetched, by blocks.
 * With a filter the numbers of the events that it means are fetched as the recording grows. Calls back when there is more
 * to be drawn.
 */
export class EventWindow {
  private run = -1;
  private first = 0;
  private total = 0;
  private filters: EventFilter[] | undefined;
  private key = "";
  /** With a filter: numbers of the events, rising, and up to where the recording was searched. */
  private numbers: number[] = [];
  private searched = 0;
  private searching = false;
  private readonly blocks = new Map<string, readonly EventRow[]>();
  private readonly asked = new Set<string>();
  private generation = 0;

  constructor(private readonly source: EventSource, private readonly changed: () => void) {}

  /** Tells what the recording is now and what is to be listed. */
  update(run: number, first: number, length: number, step: Step, dev: string): void {
    const key = `${step} ${dev}`;
    if (run !== this.run || key !== this.key) {
      this.run = run;
      this.key = key;
      this.filters = step === "event" && dev === "" ? undefined : [{ step, ...(dev === "" ? {} : { dev }) }];
      this.numbers = [];
      this.searched = 0;
      this.blocks.clear();
      this.asked.clear();
      this.generation++;
    }
    this.first = first;
    this.total = length;
    if (this.filters === undefined) return;
    let dropped = 0;
    while (dropped < this.numbers.length && this.numbers[dropped] < first) dropped++;
    if (dropped > 0) {
      this.numbers.splice(0, dropped);
      this.blocks.clear();
    }
    void this.search();
  }

  get length(): number {
    return this.filters === undefined ? this.total - this.first : this.numbers.length;
  }
  /** The line of the last event up to number `at`; -1: there is none. */
  indexOf(at: number): number {
    if (this.filters === undefined) return Math.min(at, this.total - 1) - this.first;
    let low = 0, high = this.numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.numbers[middle] <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
  /** The number of the event in a line. */
  number(index: number): Promise<number | undefined> {
    return Promise.resolve(this.filters === undefined ? this.first + index : this.numbers[index]);
  }
  /** Lines from `from` on; undefined where one is still on its way. */
  rows(from: number, n: number): (EventRow | undefined)[] {
    const found: (EventRow | undefined)[] = [];
    for (let index = from; index < Math.min(from + n, this.length); index++) {
      const at = this.filters === undefined ? this.first + index : this.numbers[index];
      const block = Math.floor((this.filters === undefined ? at : index) / BLOCK);
      const rows = this.blocks.get(String(block));
      const row = rows?.[this.filters === undefined ? at - rows[0]?.at : index - block * BLOCK];
      if (row?.at !== at) void this.fetch(block);
      found.push(row?.at === at ? row : undefined);
    }
    return found;
  }

  private async fetch(block: number): Promise<void> {
    const key = String(block), { filters, generation } = this;
    if (this.asked.has(key)) return;
    this.asked.add(key);
    let rows: readonly EventRow[] | undefined;
    if (filters === undefined) {
      rows = (await this.source.call("events", { from: block * BLOCK, count: BLOCK }))?.rows;
    } else {
      const from = this.numbers[block * BLOCK],
        to = this.numbers[Math.min((block + 1) * BLOCK, this.numbers.length) - 1] + 1;
      rows = (await this.source.call("rows", { filters, from, to, most: BLOCK }))?.rows;
    }
    if (generation !== this.generation) return;
    this.asked.delete(key);
    if (rows === undefined || rows.length === 0) return;
    this.blocks.set(key, rows);
    if (this.blocks.size > MOST_BLOCKS) this.blocks.delete(this.blocks.keys().next().value!);
    this.changed();
  }
  private async search(): Promise<void> {
    if (this.searching || this.searched >= this.total) return;
    this.searching = true;
    const { filters, generation, total } = this;
    const from = Math.max(this.searched, this.first);
    const answer = await this.source.call("matches", { filters: filters!, from, most: MOST_NUMBERS });
    this.searching = false;
    if (generation !== this.generation) return this.changed();
    if (answer === undefined) return;
    const { numbers } = answer;
    for (const n of numbers) this.numbers.push(n);
    this.searched = numbers.length >= MOST_NUMBERS
      ? numbers[numbers.length - 1] + 1
      : Math.max(total, (numbers.at(-1) ?? -1) + 1);
    this.changed();
  }
}
