import type { Chain } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { Areas } from "../support/areas.ts";
import { shownBytes, stretches } from "../support/segments.ts";

/** Buffers given back unread before it is told: a driver may throw something away. */
const MANY = 3;

/** What became of a queue's buffers. */
interface Seen {
  /** Bytes that the device had written were read, once at least. */
  read: boolean;
  unread: number;
}
interface Filled {
  readonly queue: QueueModel;
  readonly chain: Chain;
  readonly written: number;
  /** Reads of the driver before. */
  readonly reads: number;
}

/** The driver reads, and not where the device wrote. */
export const RECEIVED_UNREAD: Rule = {
  id: "received-unread",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.14",
  title: "A driver looks at what a device wrote into its buffers before it gives them back",
  hint:
    "Is the buffer that is read the one that was used: found by the id of the used entry, and the one to receive, not " +
    "the one to send?",
  watch: (scene) => watchUnread(scene, true),
};

/** The driver reads nothing at all: it may mean to throw away what comes. */
export const RECEIVED_THROWN_AWAY: Rule = {
  id: "received-thrown-away",
  clauses: [],
  level: "note",
  section: "virtio 1.4, 2.7.14",
  title: "A driver that gives buffers back unread throws away what the device wrote",
  hint: "If that is not meant: where are the bytes to be read from, the buffer that the used entry names?",
  watch: (scene) => watchUnread(scene, false),
};

/** Watches for buffers that go back unread, by a driver that read other memory meanwhile, or nothing. */
function watchUnread({ machine, report }: Scene, elsewhere: boolean): Watcher {
  // What a driver read is not in a trace.
  if (machine.platform === "trace") return {};
  const filled = new Areas<Filled>();
  /** Reads of memory that is no ring. */
  let reads = 0;
  const queues = new Map<QueueModel, Seen>();
  const forget = (queue: QueueModel) => {
    queues.delete(queue);
    filled.drop((f) => f.queue === queue);
  };
  return {
    used(queue, chain, _id, written) {
      // Only what was given to be filled and nothing else: an answer belongs to its question.
      if (chain === undefined || written === 0 || queue.device.legacy) return;
      if (chain.segments.some((s) => !s.writable) || queues.get(queue)?.read) return;
      for (const s of stretches(chain, true, 0, written)) {
        filled.add(s.address, s.length, { queue, chain, written, reads });
      }
    },
    read({ address, length, part }) {
      if (part !== undefined) return;
      reads++;
      for (const { about } of filled.overlapping(address, length)) {
        queues.set(about.queue, { read: true, unread: 0 });
        filled.drop((f) => f.queue === about.queue);
      }
    },
    published(_queue, chain) {
      for (const s of chain.segments) {
        for (const { about } of filled.overlapping(s.address, s.length)) {
          const { queue, written } = about;
          const astray = reads > about.reads;
          filled.drop((f) => f.chain === about.chain);
          let seen = queues.get(queue);
          if (seen === undefined) queues.set(queue, seen = { read: false, unread: 0 });
          if (seen.read || astray !== elsewhere || ++seen.unread !== MANY) continue;
          report({
            device: queue.device,
            queue,
            found:
              `${MANY} buffers were given back, and not a byte of what the device wrote was read (${written} in the last)`,
            expected: "reads from the buffers that were used",
            evidence: shownBytes(machine, about.chain, true, "what the device wrote", 0, written),
            place: chain.place,
          });
        }
      }
    },
    freed: ({ phys, length }) => filled.cut(phys, length),
    queueStopped: forget,
    reset(device) {
      for (const queue of [...queues.keys()]) if (queue.device === device) forget(queue);
      filled.drop((f) => f.queue.device === device);
    },
  };
}
