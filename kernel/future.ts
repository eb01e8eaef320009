/** Says that a future has no value yet. */
export const PENDING: unique symbol = Symbol("pending");
/** The type of {@link PENDING}. */
export type PENDING = typeof PENDING;

/** Makes a waiting task ready again. Waking twice, or a task that is ready or gone, does nothing. */
export interface Waker {
  wake(): void;
  /**
   * The waker to keep for later. A pending future must call this at each poll (or wake at once): the executor
   * reports one that did neither, for nothing would ever wake its task (a lost wake).
   */
  clone(): Waker;
}

/** Something to wait for. A task waits with `yield* wait(future)`. */
export interface Future<T> {
  /** What it is, for the list of tasks: `input on console`. */
  readonly waitingFor: string;
  /** The value, or {@link PENDING} after `waker` was kept (by `clone`). What it throws is thrown in the task. */
  poll(waker: Waker): T | PENDING;
  /** Called when the task stops waiting before there was a value: timers and registrations are undone here. */
  dropped?(): void;
}

/** A task's body: a generator that yields what it waits for; `return` gives its result. */
export type Task<T> = Generator<Future<unknown>, T, unknown>;

/** Waits for a future. `const line = yield* wait(console.line)` */
export function* wait<T>(future: Future<T>): Task<T> {
  return (yield future) as T;
}

/** Gives way once: tasks that are ready run first. */
export function yieldNow(): Task<void> {
  let given = false;
  return wait<void>({
    waitingFor: "its turn",
    poll(waker) {
      if (given) return;
      given = true;
      waker.wake();
      return PENDING;
    },
  });
}

/** Waits for the first of several; which one it was, and its value. The others are dropped. */
export function* race<T>(futures: readonly Future<T>[]): Task<{ index: number; value: T }> {
  const drop = (winner: number) => {
    for (const [i, f] of futures.entries()) if (i !== winner) f.dropped?.();
  };
  return yield* wait<{ index: number; value: T }>({
    waitingFor: futures.map((f) => f.waitingFor).join(" or "),
    poll(waker) {
      for (const [index, future] of futures.entries()) {
        const value = future.poll(waker);
        if (value === PENDING) continue;
        drop(index);
        return { index, value };
      }
      return PENDING;
    },
    dropped: () => drop(-1),
  });
}

/** Wakers of the tasks that wait for one thing: a device's interrupt, a full buffer. All are woken, none is lost. */
export class WakerRegistration {
  private wakers: Waker[] = [];

  /** Keeps `waker` until the next {@link wake}. */
  register(waker: Waker): void {
    const kept = waker.clone();
    if (!this.wakers.includes(kept)) this.wakers.push(kept);
  }
  wake(): void {
    const wakers = this.wakers;
    this.wakers = [];
    for (const waker of wakers) waker.wake();
  }
}
