import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { NetQueues } from "./queues.ts";

/** Nanoseconds for which a driver may keep all of its buffers. */
const PATIENCE = 1e9;

export const NET_RX_EMPTY: Rule = {
  id: "net-rx-empty",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 5.1.6.3",
  title: "A receive queue in use always has buffers: used ones are given back",
  hint:
    "Give each buffer back when its frame was taken out of it (or put another one in its place), and notify the device.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    /** Queues that have run out: since when, and how often the driver has waited. */
    const empty = new Map<QueueModel, { readonly since: number; waits: number }>();
    const tell = (queue: QueueModel, since: number) => {
      empty.delete(queue);
      if (!queue.device.live || !queue.enabled) return;
      report({
        device: queue.device,
        queue,
        found: `the queue has no buffer, for ${
          machine.time - since
        } ns; all ${queue.ring?.used} of it were used`,
        expected: "buffers for the frames that come next",
        place: [],
      });
    };
    const drop = (which: (queue: QueueModel) => boolean) => {
      for (const queue of [...empty.keys()]) if (which(queue)) empty.delete(queue);
    };
    return {
      access: (access) => queues.access(access),
      used(queue, chain) {
        if (chain === undefined || queue.ring?.inFlight.size !== 0 || queues.kindOf(queue) !== "receive") {
          return;
        }
        empty.set(queue, { since: machine.time, waits: 0 });
      },
      published: (queue) => void empty.delete(queue),
      idle() {
        for (const [queue, state] of [...empty]) {
          state.waits++;
          if (machine.time >= state.since + PATIENCE) tell(queue, state.since);
        }
      },
      end(how) {
        for (const [queue, { since, waits }] of [...empty]) {
          if (how === "stuck" && waits > 0) tell(queue, since);
        }
      },
      queueStopped: (queue) => void empty.delete(queue),
      reset: (device) => drop((queue) => queue.device === device),
    };
  },
};
