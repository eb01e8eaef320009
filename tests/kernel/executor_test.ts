import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Executor,
  type Future,
  PENDING,
  race,
  sleep,
  sleepUntil,
  type Task,
  TaskFailedError,
  wait,
  type Waker,
  WakerRegistration,
  yieldNow,
} from "../../kernel/executor.ts";
import { FakePlatform } from "../support/fake_platform.ts";

function setUp() {
  const platform = new FakePlatform();
  return { platform, executor: new Executor(platform) };
}

/** Runs until nothing is ready and no timer is left. */
function runAll(platform: FakePlatform, executor: Executor) {
  for (let i = 0; i < 10_000; i++) {
    executor.runReady();
    if (executor.hasReady()) continue;
    const next = executor.nextDeadline();
    if (next === undefined) return;
    platform.idle(next);
  }
  throw new Error("does not end");
}

/** A future that the test completes. */
class Gate implements Future<number> {
  readonly waitingFor = "the gate";
  readonly waiters = new WakerRegistration();
  value: number | undefined;
  polls = 0;
  drops = 0;
  poll(waker: Waker) {
    this.polls++;
    if (this.value !== undefined) return this.value;
    this.waiters.register(waker);
    return PENDING;
  }
  dropped() {
    this.drops++;
  }
  open(value: number) {
    this.value = value;
    this.waiters.wake();
  }
}

Deno.test("a task waits for a future, another for the task; results pass through", () => {
  const { executor } = setUp();
  const gate = new Gate();
  const double = executor.spawn(
    "double",
    (function* (): Task<number> {
      return 2 * (yield* wait(gate));
    })(),
  );
  const after = executor.spawn(
    "after",
    (function* (): Task<string> {
      return `got ${yield* double.join()}`;
    })(),
  );
  assertEquals(executor.runReady(), 2);
  assertEquals(executor.tasks(), [
    { id: 0, name: "double", state: "waiting", waitingFor: "the gate", lostWake: false },
    { id: 1, name: "after", state: "waiting", waitingFor: "task double", lostWake: false },
  ]);
  assertEquals(executor.runReady(), 0);
  gate.open(21);
  assert(executor.hasReady());
  assertEquals(executor.runReady(), 2);
  assertEquals([after.state, executor.tasks().length], ["finished", 0]);
  assertEquals(after.poll({ wake() {}, clone: () => assert(false) as never }), "got 42");
});

Deno.test("ready tasks run in the order in which they were woken, and switches are traced", () => {
  const { platform, executor } = setUp();
  const seen: string[] = [];
  const gates = [new Gate(), new Gate(), new Gate()];
  for (const [i, gate] of gates.entries()) {
    executor.spawn(
      `t${i}`,
      (function* (): Task<void> {
        yield* wait(gate);
        seen.push(`t${i}`);
        yield* yieldNow();
        seen.push(`t${i} again`);
      })(),
    );
  }
  executor.runReady();
  for (const i of [2, 0, 1]) gates[i].open(0);
  platform.events.length = 0;
  executor.runReady();
  assertEquals(seen, ["t2", "t0", "t1", "t2 again", "t0 again", "t1 again"]);
  assertEquals(
    platform.events.filter((e) => e.ev === "task_switch").map((e) => e.task),
    // t2 was the last to run before, so its first turn is no switch.
    ["t0", "t1", "t2", "t0", "t1"],
  );
});

Deno.test("timers: machine time, in order, equal times first come first served", () => {
  const { platform, executor } = setUp();
  const seen: string[] = [];
  const at = (name: string, ns: number) =>
    executor.spawn(
      name,
      (function* (): Task<void> {
        yield* sleep(executor, ns);
        seen.push(`${name}@${platform.now()}`);
      })(),
    );
  at("c", 300), at("a", 100), at("b1", 200), at("b2", 200);
  executor.runReady();
  assertEquals(executor.nextDeadline(), 100);
  runAll(platform, executor);
  assertEquals(seen, ["a@100", "b1@200", "b2@200", "c@300"]);
  executor.spawn("past", sleepUntil(executor, 5));
  executor.runReady();
  assertEquals([executor.tasks().length, executor.nextDeadline()], [0, undefined]);
});

Deno.test("a task that throws is recorded and does not hurt the others", () => {
  const { executor } = setUp();
  const told: string[] = [];
  executor.onFailure = (task) => told.push(task);
  const bad = executor.spawn(
    "bad",
    // deno-lint-ignore require-yield
    (function* (): Task<void> {
      throw new RangeError("index 7");
    })(),
  );
  let caught: unknown;
  const good = executor.spawn(
    "good",
    (function* (): Task<number> {
      try {
        yield* bad.join();
      } catch (error) {
        caught = error;
      }
      return 1;
    })(),
  );
  executor.runReady();
  assertEquals([bad.state, good.state], ["failed", "finished"]);
  assertEquals(executor.failures.map((f) => f.task), ["bad"]);
  assertEquals(told, ["bad"]);
  assert(caught instanceof TaskFailedError);
  assertStringIncludes(caught.message, "task bad failed: index 7");
});

Deno.test("what a future throws is thrown in the task that waits", () => {
  const { executor } = setUp();
  const broken: Future<void> = {
    waitingFor: "a broken device",
    poll() {
      throw new Error("device is gone");
    },
  };
  const task = executor.spawn(
    "t",
    (function* (): Task<string> {
      try {
        yield* wait(broken);
      } catch (error) {
        yield* yieldNow();
        return (error as Error).message;
      }
      return "no";
    })(),
  );
  executor.runReady();
  assertEquals(task.poll({ wake() {}, clone: () => null! }), "device is gone");
});

Deno.test("a pending future that kept no waker is reported as a lost wake", () => {
  const { executor } = setUp();
  const lost: string[] = [];
  executor.onLostWake = (task, what) => lost.push(`${task}: ${what}`);
  let kept: Waker | undefined;
  executor.spawn("fine", wait(new Gate()));
  executor.spawn("yields", yieldNow());
  executor.spawn(
    "stuck",
    wait<void>({
      waitingFor: "an interrupt that nobody installed",
      poll(waker) {
        if (kept !== undefined) return;
        kept = waker;
        return PENDING;
      },
    }),
  );
  executor.runReady();
  assertEquals(lost, ["stuck: an interrupt that nobody installed"]);
  assertEquals(executor.tasks().map((t) => [t.name, t.lostWake]), [["fine", false], ["stuck", true]]);
  // Kept without clone() it works all the same, and the report is taken back.
  kept!.wake();
  executor.runReady();
  assertEquals(executor.tasks().map((t) => t.name), ["fine"]);
});

Deno.test("a waker is needed at every poll: one that was used up does not count", () => {
  const { executor } = setUp();
  const lost: string[] = [];
  executor.onLostWake = (task) => lost.push(task);
  let polls = 0, waker: Waker | undefined;
  executor.spawn(
    "forgets",
    wait<void>({
      waitingFor: "data",
      poll(w) {
        if (polls++ === 0) waker = w.clone();
        return PENDING;
      },
    }),
  );
  executor.runReady();
  assertEquals(lost, []);
  waker!.wake();
  executor.runReady();
  assertEquals(lost, ["forgets"]);
});

Deno.test("cancel: finally blocks run, timers and registrations go", () => {
  const { executor } = setUp();
  let cleaned = false;
  const gate = new Gate();
  const task = executor.spawn(
    "t",
    (function* (): Task<void> {
      try {
        yield* race<number | void>([gate, executor.at(1000)]);
      } finally {
        cleaned = true;
      }
    })(),
  );
  executor.runReady();
  assertEquals(executor.nextDeadline(), 1000);
  task.cancel();
  assertEquals([cleaned, gate.drops, task.state], [true, 1, "cancelled"]);
  assertEquals([executor.nextDeadline(), executor.tasks().length], [undefined, 0]);
  gate.open(1);
  assertEquals(executor.runReady(), 0);
  assertThrows(() => task.poll({ wake() {}, clone: () => null! }), Error, "task t was cancelled");
});

Deno.test("race gives the first and drops the rest: a timeout", () => {
  const { platform, executor } = setUp();
  const gate = new Gate();
  const run = () =>
    executor.spawn(
      "t",
      (function* (): Task<number> {
        return (yield* race<number | void>([gate, executor.at(platform.now() + 50)])).index;
      })(),
    );
  const late = run();
  runAll(platform, executor);
  const inTime = run();
  executor.runReady();
  gate.open(3);
  runAll(platform, executor);
  const result = (t: { poll(w: Waker): unknown }) => t.poll({ wake() {}, clone: () => null! });
  assertEquals([result(late), result(inTime), executor.nextDeadline()], [1, 0, undefined]);
});

Deno.test("tasks that wake each other for ever leave runReady after its limit", () => {
  const { executor } = setUp();
  executor.spawn(
    "busy",
    (function* (): Task<void> {
      while (true) yield* yieldNow();
    })(),
  );
  assertEquals(executor.runReady(), 1000);
  assert(executor.hasReady());
});

Deno.test("random sleepers end in the order of a sorted list, twice the same", () => {
  fc.assert(fc.property(
    fc.array(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }), { maxLength: 12 }),
    (tasks) => {
      const once = () => {
        const { platform, executor } = setUp();
        const log: [number, number][] = [];
        for (const [i, naps] of tasks.entries()) {
          executor.spawn(
            `t${i}`,
            (function* (): Task<void> {
              for (const ns of naps) {
                yield* sleep(executor, ns);
                log.push([platform.now(), i]);
              }
            })(),
          );
        }
        runAll(platform, executor);
        assertEquals(executor.tasks(), []);
        return log;
      };
      const log = once();
      // The model: each nap ends at the sum of the naps up to it; nothing is early, late or missing.
      const want = tasks.flatMap((naps, i) =>
        naps.map((_, k) => [naps.slice(0, k + 1).reduce((a, b) => a + b), i])
      );
      const order = (a: number[], b: number[]) => a[0] - b[0] || a[1] - b[1];
      assertEquals([...log].sort(order), (want as [number, number][]).sort(order));
      for (let i = 1; i < log.length; i++) assert(log[i][0] >= log[i - 1][0]);
      assertEquals(once(), log);
    },
  ));
});
