import type { Rule } from "../../rule.ts";

/** Virtual nanoseconds that a task may run without giving way. */
const LIMIT = 1e9;

export const TASK_SPINS: Rule = {
  id: "task-spins",
  clauses: [],
  level: "warning",
  section: "kernel/executor.ts: Task",
  title: "A task gives way while it waits for a device",
  hint: "Other tasks stand still meanwhile. Wait for the interrupt (`yield* wait(...)`), or bound the loop.",
  watch({ machine, report }) {
    /** When whoever runs began; undefined: nobody does. */
    let since: number | undefined;
    /** A task that goes on right after it waited is not named again. */
    let name = "the kernel";
    const look = () => {
      since ??= machine.time;
      if (machine.time - since < LIMIT) return;
      report({
        found: `${name} has run for ${machine.time - since} ns without giving way`,
        expected: `less than ${LIMIT} ns between two waits`,
      });
      since = machine.time;
    };
    // On a real machine time goes on while the host does something else.
    if (machine.platform === "qemu") return {};
    return {
      task(task, state) {
        if (state === "running") name = `task ${task}`;
        since = undefined;
      },
      idle: () => void (since = undefined),
      read: look,
      access: look,
    };
  },
};
