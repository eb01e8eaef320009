import type { Rule } from "../../rule.ts";

/** Waits in a row that end at once. */
const MANY = 1000;

export const IDLE_IN_VAIN: Rule = {
  id: "idle-in-vain",
  clauses: [],
  level: "violation",
  section: "kernel/kernel.ts: Kernel.run",
  title:
    "A kernel that waits has something to wait for: what has come is taken, and a time that has come is past",
  hint:
    "The wait ends at once, again and again: a timer that is due does not fire, or an interrupt that is pending is not " +
    "taken. Look at the comparison of times, and at what ends the wait.",
  watch({ machine, report }) {
    let time = -1, count = 0;
    const active = () => void (count = 0);
    return {
      idle(until) {
        if (machine.time !== time) {
          time = machine.time;
          count = 0;
        }
        if (++count !== MANY) return;
        report({
          found: `the kernel has begun to wait ${MANY} times at ${time} ns${
            until === undefined ? "" : `, until ${until} ns`
          }, and nothing has happened in between`,
          expected: "a wait that ends because something came",
        });
      },
      interrupt: active,
      task: active,
      access: active,
      write: active,
    };
  },
};
