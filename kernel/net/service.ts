import {
  type Executor,
  type Future,
  PENDING,
  type Task,
  wait,
  type Waker,
  WakerRegistration,
  yieldNow,
} from "../executor.ts";
import type { NetStack } from "./stack.ts";

/** The task `net`: polls the stack when a card or a socket has something, and when its time has come. */
export class NetService {
  private running = false;
  private stopped = false;
  private work = true;
  private waker: Waker | undefined;

  /** @param relax lets time pass while the stack has more to do at once: between two sockets of one machine, say. */
  constructor(
    private readonly stack: NetStack,
    private readonly executor: Executor,
    private readonly relax: () => void,
  ) {
    stack.onWork = () => this.wake();
  }

  /** Starts the task, if that was not done. */
  start(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    this.executor.spawn("net", this.run());
  }

  stop(): void {
    this.stopped = true;
    this.wake();
  }

  /** A future that is there when `wakers` are woken, or at time `end`. */
  until(wakers: WakerRegistration, end: number): Future<void> {
    return new Until(wakers, this.executor.at(end));
  }

  private wake(): void {
    this.work = true;
    this.waker?.wake();
  }

  private *run(): Task<void> {
    while (!this.stopped) {
      this.work = false;
      const now = this.executor.now();
      const next = this.stack.poll(now);
      if (this.stopped) return;
      if (next === undefined || next > now) yield* wait(this.idle(next));
      else {
        this.relax();
        yield* yieldNow();
      }
    }
  }

  /** Until there is work, or it is time. */
  private idle(until: number | undefined): Future<void> {
    const timer = until === undefined ? undefined : this.executor.at(until);
    return {
      waitingFor: until === undefined ? "frames or sockets" : `frames, sockets, or time ${until} ns`,
      poll: (waker) => {
        if (this.work) return timer?.dropped?.();
        this.waker = waker.clone();
        return timer === undefined ? PENDING : timer.poll(waker);
      },
      dropped: () => timer?.dropped?.(),
    };
  }
}

/** There once it was woken, or late. */
class Until implements Future<void>, Waker {
  private woken = false;
  private waker: Waker | undefined;
  constructor(private readonly wakers: WakerRegistration, private readonly timer: Future<void>) {}

  get waitingFor(): string {
    return this.timer.waitingFor;
  }
  poll(waker: Waker): void | PENDING {
    if (this.woken) return this.timer.dropped?.();
    if (this.waker === undefined) this.wakers.register(this);
    this.waker = waker.clone();
    return this.timer.poll(waker);
  }
  dropped(): void {
    this.waker = undefined;
    this.timer.dropped?.();
  }
  wake(): void {
    this.woken = true;
    this.waker?.wake();
  }
  clone(): Waker {
    return this;
  }
}
