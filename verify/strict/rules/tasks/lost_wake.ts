import type { Rule } from "../../rule.ts";

export const TASK_LOST_WAKE: Rule = {
  id: "task-lost-wake",
  clauses: [],
  level: "violation",
  section: "kernel/future.ts: Waker",
  title: "A task that waits is woken when what it waits for is there.",
  hint:
    "A pending future keeps a waker at each poll (`clone`, or `WakerRegistration.register`), and whoever makes the thing " +
    "happen calls `wake`: the interrupt handler, or the task that changes the state.",
  watch: ({ report }) => ({
    task(name, state, on, lost) {
      if (state !== "waiting" || lost === undefined) return;
      report({
        found: lost === "unkept"
          ? `task ${name} waits for ${on}, and no waker was kept: nothing can wake it`
          : `task ${name} waits for ${on}, which is there: nobody has woken the task`,
        expected: lost === "unkept"
          ? "a waker that is kept while the future is pending"
          : "a wake when it came",
        place: [],
      });
    },
  }),
};
