import type { EventQueue } from "../events.ts";

/** The host's clock, handed in: nothing else in here knows of one. */
export interface WallClock {
  /** Nanoseconds since some moment, never running backwards. */
  now(): number;
  /** Calls `wake` once, when about `ns` have passed, but never at once; the function returned cancels it. */
  after(ns: number, wake: () => void): () => void;
  /** Resolves when what waits on the host's side (sockets, a terminal) has had its turn. */
  turn(): Promise<void>;
}

/** What of a machine matters while it idles. */
export interface IdleMachine {
  readonly events: EventQueue;
  /** It has ended, or an interrupt is pending: the guest must look. */
  halted(): boolean;
}

/** Decides how far an idle machine may let its time run. */
export interface Pace {
  /** The machine has been made. */
  begin?(machine: IdleMachine): void;
  /**
   * Machine time in ns up to which the machine may go at once. It is at `now` and has something to do at `next`. Infinity:
   * as far as it likes, time jumps from event to event.
   */
  horizon(now: number, next: number | undefined): number;
  /** Calls `wake` once, when the horizon may have come to `next`; without `next` only if things have changed. */
  wait(next: number | undefined, wake: () => void): void;
  /** The machine has ended. */
  end(): void;
}

/**
 * The wall clock's pace, while somebody at the other end of a back end lives by it: an idle machine does not run ahead.
 * A busy one takes the time that it takes; one that has fallen behind catches up while it idles.
 */
export class WallPace implements Pace {
  /** Wall time minus machine time; undefined while time jumps. */
  private offset: number | undefined;
  /** One timer for all waits: where it rings too early, the machine just waits again. */
  private timer: { at: number; cancel: () => void } | undefined;
  private wake: (() => void) | undefined;

  /** @param active whether somebody lives by the wall clock now. */
  constructor(private readonly clock: WallClock, private readonly active: () => boolean) {}

  horizon(now: number): number {
    if (!this.active()) {
      this.offset = undefined;
      return Infinity;
    }
    const offset = this.clock.now() - now;
    // A machine that is ahead, having been busy, goes on from where it is.
    if (this.offset === undefined || offset < this.offset) this.offset = offset;
    return now + offset - this.offset;
  }

  wait(next: number | undefined, wake: () => void): void {
    this.wake = wake;
    if (next === undefined || this.offset === undefined) return;
    const at = next + this.offset;
    if (this.timer !== undefined) {
      if (this.timer.at <= at) return;
      this.timer.cancel();
    }
    const ring = () => {
      this.timer = undefined;
      this.wake?.();
    };
    this.timer = { at, cancel: this.clock.after(Math.max(0, at - this.clock.now()), ring) };
  }

  end(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.wake = undefined;
  }
}
