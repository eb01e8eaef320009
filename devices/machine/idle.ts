import type { HostInput } from "./host_input.ts";
import type { IdleMachine, Pace, WallClock } from "./pace.ts";

/** Timers in a row after which the host gets a turn, though the guest never waits for it. */
const TIMERS_IN_A_ROW = 256;
/** Nanoseconds: with a timer that late, input that has arrived meanwhile is looked for first. */
const LATE = 1_000_000;

type Step = "done" | "wait" | "turn";

/**
 * The halted CPU. Time runs from event to event; input from the host enters only here, where the machine has nothing else
 * to do, so that one input gives one run. With a {@link Pace} time runs no further than that allows, and input may come
 * between two timers.
 */
export class Idler {
  private timers = 0;
  private turned = false;
  private inputNext = true;

  constructor(
    private readonly machine: IdleMachine,
    private readonly input: HostInput,
    private readonly pace: Pace | undefined,
    private readonly clock: WallClock | undefined,
  ) {}

  /** As `Platform.idle`. @throws {DeadlockError} */
  idle(until?: number): void | Promise<void> {
    const step = this.step(until);
    if (step !== "done") return this.sleep(until, step);
  }

  private sleep(until: number | undefined, step: "wait" | "turn"): Promise<void> {
    // What can never end is an error at once, not a promise.
    if (this.next(until) === undefined) this.input.check();
    return this.sleepLoop(until, step);
  }
  private async sleepLoop(until: number | undefined, step: Step): Promise<void> {
    const before = this.input.arrivals;
    while (step !== "done") {
      this.timers = 0;
      if (step === "turn") {
        this.input.listen();
        await this.clock!.turn();
      } else {
        const next = this.next(until);
        if (next === undefined) this.input.check();
        await this.input.sleep((wake) => this.pace?.wait(next, wake));
      }
      step = this.step(until);
      if (this.input.arrivals !== before) return;
    }
  }

  /** Lets time run as far as it may. */
  private step(until: number | undefined): Step {
    const { events } = this.machine;
    for (;;) {
      events.advance(0);
      if (this.machine.halted() || until !== undefined && events.now >= until) return "done";
      const next = this.next(until);
      const horizon = this.pace?.horizon(events.now, next) ?? Infinity;
      if (horizon === Infinity) {
        const event = events.next;
        if (event !== undefined && event === next) events.advance(event - events.now);
        else if (this.deliver()) return "done";
        else if (until === undefined) return "wait";
        else if (this.hostStarves()) return "turn";
        else events.advance(until - events.now);
      } else if (next !== undefined && next <= horizon) {
        if (this.turnIsDue(horizon - next)) return "turn";
        if (this.inputNext && this.deliver()) {
          this.inputNext = false;
          return "done";
        }
        this.inputNext = true;
        events.advance(next - events.now);
      } else {
        this.turned = false;
        if (horizon > events.now) events.advance(horizon - events.now);
        return this.deliver() ? "done" : "wait";
      }
    }
  }

  private next(until: number | undefined): number | undefined {
    const event = this.machine.events.next;
    if (event === undefined || until === undefined) return event ?? until;
    return Math.min(event, until);
  }

  /** One piece of input enters the machine; the guest looks then, interrupt or not. */
  private deliver(): boolean {
    if (!this.input.deliver()) return false;
    this.machine.events.advance(0);
    return true;
  }

  /** A guest whose timers never end would never see what the host has for it. */
  private hostStarves(): boolean {
    if (this.clock === undefined || ++this.timers < TIMERS_IN_A_ROW) return false;
    this.timers = 0;
    return this.input.isOpen;
  }
  /** After a long while without a look outside, a timer may have been made for what lies there already. */
  private turnIsDue(late: number): boolean {
    if (this.clock === undefined || late < LATE || this.turned) return false;
    this.turned = true;
    return true;
  }
}
