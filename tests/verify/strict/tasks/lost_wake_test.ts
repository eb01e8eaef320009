import { assertEquals } from "@std/assert";
import {
  Executor,
  type Future,
  PENDING,
  sleep,
  type Task,
  wait,
  WakerRegistration,
} from "../../../../kernel/executor.ts";
import { LiveMemory, Strict } from "../../../../verify/strict/mod.ts";
import { TASK_RULES } from "../../../../verify/strict/rules/tasks/mod.ts";
import { onceTest } from "../../../support/once.ts";
import { HandDevice } from "../support/hand.ts";

/** An executor on a clock of the test's, watched. */
class World {
  time = 0;
  readonly strict = new Strict({
    rules: TASK_RULES,
    platform: "simulated",
    memory: new LiveMemory(() => []),
  });
  readonly executor: Executor;

  constructor() {
    this.strict.clock = () => this.time;
    this.executor = new Executor({ now: () => this.time, trace: this.strict });
  }
  /** Lets what is ready run, then nothing happens for a second. */
  quiet(): void {
    this.executor.runReady();
    this.time += 1e9;
    this.executor.audit();
    this.executor.runReady();
  }
  get found(): string[] {
    return this.strict.reports.map((r) => `${r.level} ${r.rule}: ${r.found}; expected ${r.expected}`);
  }
}

/** A flag that tasks wait for. @param keeps whether it keeps wakers. */
class Gate implements Future<string> {
  readonly waitingFor = "the gate";
  private open = false;
  private readonly wakers = new WakerRegistration();
  constructor(private readonly keeps = true) {}
  poll(waker: Parameters<Future<string>["poll"]>[0]): string | typeof PENDING {
    if (this.open) return "through";
    if (this.keeps) this.wakers.register(waker);
    return PENDING;
  }
  set(wakes: boolean): void {
    this.open = true;
    if (wakes) this.wakers.wake();
  }
}

function* passes(gate: Gate, seen: string[]): Task<void> {
  seen.push(yield* wait(gate));
}

onceTest(
  "a wake that comes is no report, however late; neither are sleeping tasks and those that wait for others",
  () => {
    const world = new World(), gate = new Gate(), seen: string[] = [];
    const first = world.executor.spawn("first", passes(gate, seen));
    world.executor.spawn(
      "second",
      (function* () {
        yield* first.join();
        seen.push("second");
      })(),
    );
    world.executor.spawn("sleeper", sleep(world.executor, 3.5e9));
    world.executor.spawn("due", sleep(world.executor, 1e9));
    world.quiet();
    world.quiet();
    gate.set(true);
    world.quiet();
    assertEquals(seen, ["through", "second"]);
    assertEquals(world.executor.tasks().map((t) => t.name), ["sleeper"]);
    world.quiet();
    assertEquals(world.executor.tasks(), []);
    assertEquals(world.found, []);
  },
);

onceTest("what is there without a wake is found when all is quiet, and the task goes on", () => {
  const world = new World(), gate = new Gate(), seen: string[] = [];
  world.executor.spawn("connect", passes(gate, seen));
  world.quiet();
  gate.set(false);
  world.executor.runReady();
  assertEquals([seen, world.found], [[], []]);
  world.quiet();
  assertEquals(seen, ["through"]);
  assertEquals(world.found, [
    "violation task-lost-wake: task connect waits for the gate, which is there: nobody has woken the task; " +
    "expected a wake when it came",
  ]);
});

onceTest("a failure that nobody was woken for is found, and thrown in the task", () => {
  const world = new World();
  let broken = false;
  const future: Future<void> = {
    waitingFor: "a card",
    poll(waker) {
      if (broken) throw new Error("the card broke");
      waker.clone();
      return PENDING;
    },
  };
  world.executor.spawn("reader", wait(future));
  world.quiet();
  broken = true;
  world.quiet();
  assertEquals(world.executor.failures.map((f) => `${f.error}`), ["Error: the card broke"]);
  assertEquals(world.strict.reports.map((r) => r.rule), ["task-lost-wake"]);
});

onceTest("a future that keeps no waker is told at once", () => {
  const world = new World();
  world.executor.spawn("stuck", passes(new Gate(false), []));
  world.executor.runReady();
  assertEquals(world.found, [
    "violation task-lost-wake: task stuck waits for the gate, and no waker was kept: nothing can wake it; " +
    "expected a waker that is kept while the future is pending",
  ]);
});

onceTest("a task that was woken and never runs is told", () => {
  const world = new World(), gate = new Gate(), seen: string[] = [];
  world.executor.spawn("dropped", passes(gate, seen));
  world.executor.runReady();
  gate.set(true);
  // An executor that loses what is ready.
  (world.executor as unknown as { ready: unknown[] }).ready.length = 0;
  world.executor.runReady();
  assertEquals(seen, []);
  world.quiet();
  assertEquals(seen, ["through"]);
  assertEquals(world.found, [
    "violation task-lost-wake: task dropped was woken, and is not among those that get their turn; " +
    "expected a task that is ready runs",
  ]);
});

onceTest("a task that runs on and on while it waits for a device", () => {
  const spin = (step: number, gives: boolean) => {
    const device = new HandDevice(4, 1n << 32n, [0], TASK_RULES);
    device.strict.emit({ ev: "task_switch", task: "reader" });
    for (let i = 0; i < 100; i++) {
      device.time += step;
      device.load(0x2000, 2);
      if (gives) device.strict.emit({ ev: "task_wait", task: "reader", on: "its turn" });
    }
    device.strict.emit({ ev: "task_end", task: "reader", how: "finished" });
    return device.lines("task-spins");
  };
  assertEquals(spin(9e6, false), []);
  assertEquals(spin(1e8, true), []);
  assertEquals(spin(11e6, false), [
    "warning task-spins: task reader has run for 1001000000 ns without giving way; " +
    "expected less than 1000000000 ns between two waits",
  ]);
});

onceTest("a kernel that waits for what has come already", () => {
  const wait = (between: (device: HandDevice) => void) => {
    const device = new HandDevice(4, 1n << 32n, [0], TASK_RULES);
    for (let i = 0; i < 3000; i++) {
      device.strict.emit({ ev: "idle", until: 500 });
      between(device);
    }
    return device.lines("idle-in-vain");
  };
  assertEquals(wait((device) => void device.time++), []);
  assertEquals(wait((device) => device.strict.emit({ ev: "interrupt", vector: 32 })), []);
  assertEquals(wait((device) => device.strict.emit({ ev: "task_switch", task: "net" })), []);
  assertEquals(wait(() => {}), [
    "violation idle-in-vain: the kernel has begun to wait 1000 times at 0 ns, until 500 ns, and nothing has happened in " +
    "between; expected a wait that ends because something came",
  ]);
});
