import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { bytesAt, descriptorAt, PerQueue, plural } from "../memory/support.ts";
import { looksForUsed } from "./notifications.ts";
import { Taken } from "./taken.ts";

/** Looks after which a driver that ends has not taken what was there because it did not find it. */
const MANY = 1000;
/** Looks after which it never will. Who only asks whether there is something, for a reader that is busy, asks less. */
const PATIENCE = 100_000;

/** Used buffers that a driver looks for, and does not find. */
export const USED_BUFFERS_IGNORED: Rule = {
  id: "used-buffers-ignored",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.14, 2.8.22",
  title: "A driver that looks for used buffers takes those that are there",
  hint:
    "Split: there is one when the used index differs from the driver's own count, which goes on to 65535. Packed: look " +
    "at the descriptor behind the last chain that came back; it is used when AVAIL and USED both equal the driver's " +
    "used wrap counter, which changes at the end of the ring.",
  watch(scene) {
    const taken = new Taken();
    const looks = new PerQueue(() => ({ count: 0, left: 0 }));
    const { used: noteUsed, read: noteRead, queueStopped: noteStopped } = taken.watcher;
    const look = (queue: QueueModel) => {
      const state = looks.of(queue);
      const left = taken.count(queue);
      if (left === 0 || left !== state.left) {
        state.left = left;
        state.count = 0;
        return;
      }
      if (++state.count === PATIENCE) report(queue, PATIENCE);
    };
    const report = (queue: QueueModel, count: number) => {
      const left = taken.count(queue);
      const ring = queue.ring!;
      const elsewhere = taken.elsewhere(queue);
      scene.report({
        device: queue.device,
        queue,
        found:
          `the driver has looked ${count} times for what came back in ${queue.name}, and does not take the ` +
          `${plural(left, "buffer")} there` +
          (elsewhere === undefined
            ? ""
            : `: it looks at descriptor ${elsewhere.looksAt}, the device has used descriptor ${elsewhere.used}`),
        expected: "the used buffers are taken",
        evidence: ring.kind === "split"
          ? [
            bytesAt(scene, "used ring: flags, idx", ring.addressOf("usedFlags"), 4),
            bytesAt(scene, "used entry", taken.oldest(queue)!, 8),
          ]
          : [descriptorAt(scene, queue, taken.oldest(queue)!)],
      });
    };
    const settle = (queue: QueueModel) => {
      const { count } = looks.of(queue);
      looks.forget(queue);
      if (count >= MANY && count < PATIENCE && taken.count(queue) > 0) report(queue, count);
    };
    return {
      ...taken.watcher,
      used: noteUsed,
      queueStopped(queue) {
        settle(queue);
        noteStopped?.(queue);
      },
      end() {
        for (const [queue] of [...looks.entries()]) settle(queue);
      },
      read(read) {
        noteRead?.(read);
        if (read.part !== undefined && looksForUsed(read)) look(read.part.queue);
      },
    };
  },
};
