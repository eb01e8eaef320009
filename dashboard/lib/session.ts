import { batch, type Signal, signal } from "@preact/signals";
import { Client } from "./client.ts";
import { EMPTY_MOMENT, type Moment, WorkingSet } from "./moment.ts";
import type {
  Breakpoint,
  CallName,
  Calls,
  EventFilter,
  EventRow,
  News,
  Port,
  Progress,
  Setup,
  Source,
  Step,
} from "./protocol.ts";

/** Bytes of console output that a moment brings. */
const CONSOLE_BYTES = 64 << 10;
/** Milliseconds between two moments while playing. */
const FRAME = 40;

const NO_PROGRESS: Progress = { first: 0, length: 0, t: 0, bytes: 0, limit: 0, machine: "none" };

/**
 * The page's side of a machine: where the view is and what is seen there, as signals. Views read `moment` (and the other
 * signals) and call the methods; they know nothing of workers or sockets.
 *
 * `position` is the number of the event after which the machine is shown. With `live` it follows the end.
 */
export class Session {
  readonly source: Signal<Source | undefined> = signal(undefined);
  readonly progress: Signal<Progress> = signal(NO_PROGRESS);
  /** Counts restarts (boot, fork): what was fetched before is void when it changes. */
  readonly run: Signal<number> = signal(0);
  readonly position: Signal<number> = signal(-1);
  readonly live: Signal<boolean> = signal(true);
  readonly playing: Signal<boolean> = signal(false);
  /** Events per second while playing. */
  readonly speed: Signal<number> = signal(200);
  /** What is seen at `position`; for a short while after it changes still the moment before. */
  readonly moment: Signal<Moment> = signal(EMPTY_MOMENT);
  readonly breakpoints: Signal<readonly Breakpoint[]> = signal([]);
  /** The event at which a breakpoint ended playing, or undefined. */
  readonly hit: Signal<number | undefined> = signal(undefined);
  readonly setup: Signal<Setup | undefined> = signal(undefined);
  /** A sentence for the user: what went wrong last; empty: nothing. */
  readonly error: Signal<string> = signal("");
  /** What the command line asked for in vain. */
  readonly ignored: Signal<readonly string[]> = signal([]);

  private client: Client | undefined;
  private clientTransport: string | undefined;
  private readonly pages: WorkingSet = new WorkingSet(() => this.fetchSoon());
  private asking = false;
  private again = false;
  private soon = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private carry = 0;
  private watched = 0;

  /** @param openWorker starts the worker of a kernel; not needed where a machine is only attached to. */
  constructor(private readonly openWorker?: (transport: Setup["transport"]) => Port) {}

  /** Looks at what is behind a port: a machine in a terminal, a file. */
  attach(port: Port): void {
    this.client?.close();
    const client = new Client(port);
    this.client = client;
    client.onNews = (news) => this.client === client && this.onNews(news);
    client.onClose = (why) => {
      if (this.client !== client) return;
      this.client = undefined;
      batch(() => {
        this.error.value = why;
        // What was not fetched in time is gone: the page stays at the last moment that it has.
        if (this.moment.value.state.at !== this.position.value) {
          this.live.value = false;
          this.position.value = this.moment.value.state.at;
        }
        // A machine in a terminal takes its connection with it when it ends, as it should.
        if (this.progress.value.machine === "ended") return;
        this.progress.value = { ...this.progress.value, machine: "failed", failure: why };
      });
    };
    this.restart();
  }

  /** Boots a machine in a worker. False: the set-up is wrong, and `error` says why; what ran before goes on. */
  async boot(setup: Setup): Promise<boolean> {
    if (this.openWorker === undefined) return false;
    const fresh = this.client === undefined || this.clientTransport !== setup.transport;
    if (fresh) {
      this.attach(this.openWorker(setup.transport));
      this.clientTransport = setup.transport;
    }
    const answer = await this.call("boot", { setup });
    if (answer === undefined) return false;
    batch(() => {
      this.setup.value = setup;
      this.ignored.value = answer.ignored;
      this.error.value = "";
    });
    return true;
  }

  /** Shows the machine after event `at`; leaves the end. */
  go(at: number): void {
    const { first, length } = this.progress.value;
    batch(() => {
      this.live.value = false;
      this.hit.value = undefined;
      this.position.value = Math.max(first - 1, Math.min(Math.round(at), length - 1));
    });
    this.carry = 0;
    void this.fetch();
  }
  /** Follows the end from now on. */
  goLive(): void {
    this.pause();
    batch(() => {
      this.live.value = true;
      this.hit.value = undefined;
      this.position.value = this.progress.value.length - 1;
    });
    this.watched = this.progress.value.length;
    void this.fetch();
  }
  /** To the next (1) or last (-1) event of a kind. False: there is none. */
  async step(step: Step, direction: 1 | -1 = 1): Promise<boolean> {
    return await this.seek([{ step }], direction);
  }
  /** To the next (1) or last (-1) event that one of the filters means. False: there is none. */
  async seek(filters: readonly EventFilter[], direction: 1 | -1 = 1): Promise<boolean> {
    this.pause();
    const answer = await this.call("next", { filters, from: this.position.value + direction, direction });
    if (answer === undefined || answer.at < 0) return false;
    this.go(answer.at);
    return true;
  }
  /** Plays from the position to the end, at `speed`, or to a breakpoint. From the end it starts at the beginning. */
  play(): void {
    if (this.playing.value) return;
    const { first, length } = this.progress.value;
    if (this.position.value >= length - 1) this.go(first - 1);
    batch(() => {
      this.live.value = false;
      this.hit.value = undefined;
      this.playing.value = true;
    });
    this.carry = 0;
    void this.tick();
  }
  pause(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.playing.value = false;
  }
  /** Types into a chardev. From an earlier moment the machine is run again up to there, and the rest is void. */
  async type(chardev: string, bytes: Uint8Array): Promise<void> {
    const fork = !this.live.value && this.source.value?.canFork === true;
    this.pause();
    await this.call("input", { chardev, bytes, at: fork ? this.position.value : -1 });
    if (!fork) this.goLive();
  }
  /** Holds the machine itself, or lets it run again. */
  async hold(held: boolean): Promise<void> {
    await this.call("hold", { held });
  }

  /** Events from number `from` on; empty if they cannot be had. */
  async events(from: number, count: number): Promise<readonly EventRow[]> {
    return (await this.call("events", { from, count }))?.rows ?? [];
  }
  async rows(
    filters: readonly EventFilter[],
    from: number,
    to: number,
    most = 2000,
  ): Promise<readonly EventRow[]> {
    return (await this.call("rows", { filters, from, to, most }))?.rows ?? [];
  }
  /** Any call of the protocol. undefined: it failed, and `error` says why. */
  async call<K extends CallName>(name: K, args: Calls[K]["args"]): Promise<Calls[K]["answer"] | undefined> {
    const { client } = this;
    if (client === undefined) return undefined;
    try {
      return await client.call(name, args);
    } catch (error) {
      if (client === this.client) this.error.value = (error as Error).message;
      return undefined;
    }
  }
  close(): void {
    this.pause();
    const { client } = this;
    this.client = undefined;
    client?.close();
  }

  private onNews(news: News): void {
    if (news.news === "hello") this.source.value = news.source;
    else if (news.news === "restart") this.restart();
    else this.onProgress(news.progress);
  }
  private restart(): void {
    this.pause();
    batch(() => {
      this.run.value++;
      this.progress.value = NO_PROGRESS;
      this.position.value = -1;
      this.live.value = true;
      this.hit.value = undefined;
      this.moment.value = EMPTY_MOMENT;
    });
    this.watched = 0;
  }
  private onProgress(progress: Progress): void {
    batch(() => {
      this.progress.value = progress;
      if (this.live.value) this.position.value = progress.length - 1;
    });
    if (!this.live.value) return;
    if (this.filters().length > 0) void this.watch();
    void this.fetch();
  }

  /** Breakpoints on the machine that runs: looks at what is new, and stays at the first hit. */
  private async watch(): Promise<void> {
    const from = this.watched, run = this.run.value;
    this.watched = this.progress.value.length;
    const answer = await this.call("next", { filters: this.filters(), from, direction: 1 });
    if (answer === undefined || answer.at < 0 || !this.live.value || run !== this.run.value) return;
    this.stopAt(answer.at);
  }
  private stopAt(at: number): void {
    this.pause();
    this.go(at);
    this.hit.value = at;
  }
  private filters(): EventFilter[] {
    return this.breakpoints.value.filter((b) => b.on).map((b) => b.filter);
  }

  private async tick(): Promise<void> {
    const from = this.position.value, run = this.run.value;
    this.carry += this.speed.value * FRAME / 1000;
    const steps = Math.floor(this.carry);
    this.carry -= steps;
    const end = this.progress.value.length - 1;
    const to = Math.min(end, from + steps);
    const filters = this.filters();
    if (filters.length > 0 && to > from) {
      const answer = await this.call("next", { filters, from: from + 1, direction: 1 });
      if (!this.playing.value || run !== this.run.value) return;
      if (answer !== undefined && answer.at >= 0 && answer.at <= to) return this.stopAt(answer.at);
    }
    if (to !== from) {
      this.position.value = to;
      void this.fetch();
    }
    if (to === end) {
      this.pause();
      if (this.progress.value.machine !== "recorded") this.live.value = true;
      return;
    }
    this.timer = setTimeout(() => void this.tick(), FRAME);
  }

  private fetchSoon(): void {
    if (this.soon) return;
    this.soon = true;
    setTimeout(() => {
      this.soon = false;
      void this.fetch();
    });
  }
  /** Asks for the state at the position. One question at a time: while it is under way the newest position wins. */
  private async fetch(): Promise<void> {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    try {
      do {
        this.again = false;
        const run = this.run.value, at = this.position.value;
        const wanted = this.pages.wanted();
        if (this.progress.value.length === 0) return;
        const [answer, last] = await Promise.all([
          this.call("state", { at, pages: wanted, console: CONSOLE_BYTES }),
          this.events(at, 1),
        ]);
        if (answer === undefined || run !== this.run.value) continue;
        const { state, written, console } = answer;
        const event = last.find((row) => row.at === at)?.event;
        const read = this.pages.reader(new Map(answer.pages), new Set(wanted), new Set(written));
        this.moment.value = { state, written, console, read, event };
      } while (this.again);
    } finally {
      this.asking = false;
    }
  }
}
