import type { LostWake } from "../../../../spec/trace.ts";
import type { Rule } from "../../rule.ts";

const WORDS: Readonly<
  Record<LostWake, (task: string, on: string) => readonly [found: string, expected: string]>
> = {
  unkept: (task, on) => [
    `task ${task} waits for ${on}, and no waker was kept: nothing can wake it`,
    "a waker that is kept while the future is pending",
  ],
  ready: (task, on) => [
    `task ${task} waits for ${on}, which is there: nobody has woken the task`,
    "a wake when it came",
  ],
  forgotten: (task) => [
    `task ${task} was woken, and is not among those that get their turn`,
    "a task that is ready runs",
  ],
};

export const TASK_LOST_WAKE: Rule = {
  id: "task-lost-wake",
  clauses: [],
  level: "violation",
  section: "kernel/future.ts: Waker",
  title: "A task that waits is woken when what it waits for is there",
  hint:
    "A pending future keeps a waker at each poll (`clone`, or `WakerRegistration.register`), and whoever makes the thing " +
    "happen calls `wake`: the interrupt handler, or the task that changes the state.",
  watch: ({ report }) => ({
    task(name, state, on, lost) {
      if (state !== "waiting" || lost === undefined) return;
      const [found, expected] = WORDS[lost](name, on ?? "something");
      report({ found, expected, place: [] });
    },
  }),
};
