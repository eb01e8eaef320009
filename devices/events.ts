/**
 * Virtual time of a simulated machine: nanoseconds, an event queue, a seeded generator. Events due at the same time
 * run in the order in which they were scheduled, so one seed gives one run.
 */
export class EventQueue {
  /** Virtual nanoseconds since power on. */
  now = 0;
  private events: { at: number; order: number; run: () => void }[] = [];
  private order = 0;

  /** Runs `run` after `delay` ns, at the next point where the guest gives way. Returns a function that cancels it. */
  schedule(delay: number, run: () => void): () => void {
    const event = { at: this.now + delay, order: this.order++, run };
    let i = this.events.length;
    while (i > 0 && this.events[i - 1].at > event.at) i--;
    this.events.splice(i, 0, event);
    return () => {
      const j = this.events.indexOf(event);
      if (j >= 0) this.events.splice(j, 1);
    };
  }
  /** Time of the next event, or undefined. */
  get next(): number | undefined {
    return this.events[0]?.at;
  }
  /** Lets `ns` pass and runs what is due by then, each event at its own time. */
  advance(ns: number): void {
    const until = this.now + ns;
    while (this.events.length > 0 && this.events[0].at <= until) {
      const event = this.events.shift()!;
      if (event.at > this.now) this.now = event.at;
      event.run();
    }
    if (until > this.now) this.now = until;
  }
}

/** The whole randomness of a machine: mulberry32, seeded. Reproducible, not secret. */
export class Random {
  constructor(private state: number) {
    this.state = state >>> 0;
  }
  /** The next 32 random bits. */
  u32(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.u32() & 0xff;
  }
}
