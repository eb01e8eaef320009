import type { Waker } from "./future.ts";

/** A timer that waits. `at` in nanoseconds of machine time; `order` keeps equal times first come, first served. */
export interface Timer {
  readonly at: number;
  readonly order: number;
  readonly waker: Waker;
}

/** Timers by time: a binary heap. */
export class Timers {
  private readonly heap: Timer[] = [];
  private order = 0;

  get size(): number {
    return this.heap.length;
  }

  /** When the next one is due; undefined if there is none. */
  next(): number | undefined {
    return this.heap[0]?.at;
  }

  add(at: number, waker: Waker): Timer {
    const timer = { at, order: this.order++, waker };
    this.heap.push(timer);
    this.up(this.heap.length - 1);
    return timer;
  }

  /** Takes a timer out that did not fire; nothing happens if it has. */
  remove(timer: Timer): void {
    const i = this.heap.indexOf(timer);
    if (i < 0) return;
    const last = this.heap.pop()!;
    if (last === timer) return;
    this.heap[i] = last;
    this.up(i);
    this.down(i);
  }

  /** Wakes all that are due at `now`, in order. */
  fire(now: number): void {
    while (this.heap.length > 0 && this.heap[0].at <= now) {
      const timer = this.heap[0];
      this.remove(timer);
      timer.waker.wake();
    }
  }

  private up(i: number): void {
    for (let parent; i > 0 && this.before(i, parent = (i - 1) >> 1); i = parent) this.swap(i, parent);
  }
  private down(i: number): void {
    while (true) {
      const left = 2 * i + 1, right = left + 1;
      let first = i;
      if (left < this.heap.length && this.before(left, first)) first = left;
      if (right < this.heap.length && this.before(right, first)) first = right;
      if (first === i) return;
      this.swap(i, first);
      i = first;
    }
  }
  private before(i: number, j: number): boolean {
    const a = this.heap[i], b = this.heap[j];
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }
  private swap(i: number, j: number): void {
    [this.heap[i], this.heap[j]] = [this.heap[j], this.heap[i]];
  }
}
