import type { Platform } from "../arch/platform.ts";
import type { LostWake } from "../spec/trace.ts";
import { type Future, PENDING, type Task, wait, type Waker, WakerRegistration } from "./future.ts";
import { type Timer, Timers } from "./timers.ts";

export * from "./future.ts";

/** What a task is doing. */
export type TaskState = "ready" | "running" | "waiting" | "finished" | "failed" | "cancelled";

/** One row of the shell's `tasks`. */
export interface TaskInfo {
  readonly id: number;
  readonly name: string;
  readonly state: TaskState;
  /** What it waits for; empty unless it waits. */
  readonly waitingFor: string;
  /** It waits, and kept no waker that could end that. */
  readonly lostWake: boolean;
}

/** A task threw. `cause` is what. */
export class TaskFailedError extends Error {
  override name = "TaskFailedError";
  constructor(readonly task: string, override readonly cause: unknown) {
    super(`task ${task} failed: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Someone waits for a task that was cancelled. */
export class TaskCancelledError extends Error {
  override name = "TaskCancelledError";
}

/** Polls in one `runReady`, so that tasks that wake each other leave room for interrupts. */
export const RUN_LIMIT = 1000;
/** Failures that are remembered. */
const FAILURE_LIMIT = 100;

/** A spawned task: what its spawner keeps. Waiting on it gives the result. */
export class JoinHandle<T> implements Future<T> {
  constructor(private readonly entry: Entry) {}

  get id(): number {
    return this.entry.id;
  }
  get name(): string {
    return this.entry.name;
  }
  get state(): TaskState {
    return this.entry.state;
  }
  get waitingFor(): string {
    return `task ${this.entry.name}`;
  }
  /** The result. @throws {TaskFailedError} | {TaskCancelledError} */
  poll(waker: Waker): T | PENDING {
    const { entry } = this;
    if (entry.state === "finished") return entry.result as T;
    if (entry.state === "failed") throw new TaskFailedError(entry.name, entry.result);
    if (entry.state === "cancelled") throw new TaskCancelledError(`task ${entry.name} was cancelled`);
    entry.joiners.register(waker);
    return PENDING;
  }
  /** Waits for the result, in another task. */
  join(): Task<T> {
    return wait(this);
  }
  /** Ends the task where it waits; its `finally` blocks run. Nothing happens if it has ended. */
  cancel(): void {
    this.entry.cancel();
  }
}

/**
 * Runs tasks one at a time, first woken first, on the machine's time: the same wakes give the same order.
 *
 * ```ts ignore
 * const executor = new Executor(platform);
 * const answer = executor.spawn("answer", (function* () {
 *   yield* sleep(executor, 1000);
 *   return 42;
 * })());
 * ```
 */
export class Executor {
  /** Tasks that threw, oldest first; the last hundred. */
  readonly failures: { readonly task: string; readonly error: unknown }[] = [];
  /** Told of each task that throws. The kernel sets its log here. */
  onFailure: ((task: string, error: unknown) => void) | undefined;
  /** Told when a future is pending and nothing can wake its task. */
  onLostWake: ((task: string, waitingFor: string) => void) | undefined;

  private readonly live = new Map<number, Entry>();
  private readonly ready: Entry[] = [];
  private readonly timers = new Timers();
  private nextId = 0;
  private last: Entry | undefined;

  constructor(private readonly platform: Pick<Platform, "now" | "trace">) {}

  /** Adds a task; it runs at the next {@link runReady}. */
  spawn<T>(name: string, task: Task<T>): JoinHandle<T> {
    const entry = new Entry(this.nextId++, name, task, (e) => this.ready.push(e), (e) => this.end(e));
    this.live.set(entry.id, entry);
    this.ready.push(entry);
    return new JoinHandle<T>(entry);
  }

  /**
   * Fires due timers and runs what is ready, and what that makes ready, until nothing is or {@link RUN_LIMIT} is
   * reached ({@link hasReady} tells). Returns how many times a task ran.
   */
  runReady(): number {
    let runs = 0;
    this.timers.fire(this.platform.now());
    while (runs < RUN_LIMIT) {
      const entry = this.ready.shift();
      if (entry === undefined) break;
      if (entry.state !== "ready") continue;
      runs++;
      this.run(entry);
    }
    return runs;
  }

  /** Nanoseconds of machine time. */
  now(): number {
    return this.platform.now();
  }

  /** Whether a task could run at once. */
  hasReady(): boolean {
    return this.ready.some((e) => e.state === "ready");
  }

  /** When the next timer is due, in nanoseconds of machine time; undefined without timers. */
  nextDeadline(): number | undefined {
    return this.timers.next();
  }

  /** A future that is there at time `at` (nanoseconds of machine time). */
  at(at: number): Future<void> {
    let timer: Timer | undefined;
    const drop = () => {
      if (timer !== undefined) this.timers.remove(timer);
      timer = undefined;
    };
    return {
      waitingFor: `time ${at} ns`,
      poll: (waker) => {
        drop();
        if (this.platform.now() >= at) return;
        timer = this.timers.add(at, waker.clone());
        return PENDING;
      },
      dropped: drop,
    };
  }

  /** The tasks that have not ended, by age. */
  tasks(): TaskInfo[] {
    return [...this.live.values()].map((e) => ({
      id: e.id,
      name: e.name,
      state: e.state,
      waitingFor: e.state === "waiting" ? e.waiting?.waitingFor ?? "" : "",
      lostWake: e.lost,
    }));
  }

  /**
   * Looks for lost wakes, after a time in which nothing happened: asks what each task waits for once more. What is there,
   * though nobody woke its task, is traced; and the task goes on.
   */
  audit(): void {
    const tell = (task: string, on: string, lost: LostWake) => {
      if (this.platform.trace.on) this.platform.trace.emit({ ev: "task_wait", task, on, lost });
    };
    this.timers.fire(this.platform.now());
    for (const entry of [...this.live.values()]) {
      if (entry.audit()) {
        tell(entry.name, entry.waiting!.waitingFor, "ready");
        entry.wake();
      } else if (entry.state === "ready" && !this.ready.includes(entry)) {
        tell(entry.name, "its turn", "forgotten");
        this.ready.push(entry);
      }
    }
  }

  private run(entry: Entry): void {
    if (this.last !== entry) {
      this.last = entry;
      if (this.platform.trace.on) this.platform.trace.emit({ ev: "task_switch", task: entry.name });
    }
    entry.run();
    if (this.platform.trace.on && entry.state === "waiting") {
      const lost: { lost?: LostWake } = entry.lost ? { lost: "unkept" } : {};
      this.platform.trace.emit({
        ev: "task_wait",
        task: entry.name,
        on: entry.waiting?.waitingFor ?? "",
        ...lost,
      });
    }
    if (entry.state === "failed") {
      if (this.failures.length === FAILURE_LIMIT) this.failures.shift();
      this.failures.push({ task: entry.name, error: entry.result });
      this.onFailure?.(entry.name, entry.result);
    } else if (entry.lost) this.onLostWake?.(entry.name, entry.waiting!.waitingFor);
  }

  private end(entry: Entry): void {
    this.live.delete(entry.id);
    if (this.last === entry) this.last = undefined;
    const how = entry.state;
    if (this.platform.trace.on && (how === "finished" || how === "failed" || how === "cancelled")) {
      this.platform.trace.emit({ ev: "task_end", task: entry.name, how });
    }
  }
}

/** Waits for a time of the machine's clock, in nanoseconds. */
export function sleepUntil(executor: Executor, at: number): Task<void> {
  return wait(executor.at(at));
}

/** Waits `ns` nanoseconds of machine time, from the first run on. */
export function* sleep(executor: Executor, ns: number): Task<void> {
  yield* wait(executor.at(executor.now() + ns));
}

/** A task in the executor, and its own waker. */
class Entry implements Waker {
  state: TaskState = "ready";
  waiting: Future<unknown> | undefined;
  result: unknown;
  lost = false;
  readonly joiners = new WakerRegistration();
  private kept = false;
  private woken = false;

  constructor(
    readonly id: number,
    readonly name: string,
    private readonly task: Task<unknown>,
    private readonly enqueue: (entry: Entry) => void,
    private readonly ended: (entry: Entry) => void,
  ) {}

  clone(): Waker {
    this.kept = true;
    return this;
  }

  wake(): void {
    if (this.state === "running") this.woken = true;
    if (this.state !== "waiting") return;
    this.state = "ready";
    this.lost = false;
    this.enqueue(this);
  }

  /** Runs until the task waits or ends. */
  run(): void {
    this.state = "running";
    let value: unknown, thrown: unknown, failed = false;
    while (true) {
      if (this.waiting !== undefined) {
        this.kept = this.woken = failed = false;
        try {
          value = this.waiting.poll(this);
        } catch (error) {
          thrown = error;
          failed = true;
        }
        if (!failed && value === PENDING) return this.park();
        this.waiting = undefined;
      }
      try {
        const step = failed ? this.task.throw(thrown) : this.task.next(value);
        if (step.done) return this.finish("finished", step.value);
        this.waiting = step.value;
      } catch (error) {
        return this.finish("failed", error);
      }
    }
  }

  /** Whether what the task waits for is there, though it was not woken. What was found is kept for its next run. */
  audit(): boolean {
    const { waiting } = this;
    if (this.state !== "waiting" || waiting === undefined || this.lost) return false;
    let value: unknown, thrown: { error: unknown } | undefined;
    this.state = "running";
    this.woken = false;
    try {
      value = waiting.poll(this);
    } catch (error) {
      thrown = { error };
    }
    this.state = "waiting";
    if (this.woken) this.wake();
    if (value === PENDING) return false;
    const poll = () => {
      if (thrown !== undefined) throw thrown.error;
      return value;
    };
    this.waiting = { waitingFor: waiting.waitingFor, poll };
    return !this.woken;
  }

  cancel(): void {
    if (this.state !== "ready" && this.state !== "waiting") return;
    this.waiting?.dropped?.();
    this.waiting = undefined;
    try {
      this.task.return(undefined);
      this.finish("cancelled", undefined);
    } catch (error) {
      this.finish("failed", error);
    }
  }

  private park(): void {
    this.state = "waiting";
    if (this.woken) this.wake();
    else this.lost = !this.kept;
  }

  private finish(state: TaskState, result: unknown): void {
    this.state = state;
    this.result = result;
    this.waiting = undefined;
    this.ended(this);
    this.joiners.wake();
  }
}
