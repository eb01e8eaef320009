import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { bytesAt, descriptorAt, PerQueue, plural } from "../memory/support.ts";
import { looksForUsed } from "./notifications.ts";
import { Taken } from "./taken.ts";

/** Looks after which a driver will not take any more what is there. */
const PATIENCE = 1000;

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
    const { used: noteUsed, read: noteRead } = taken.watcher;
    const look = (queue: QueueModel) => {
      const state = looks.of(queue);
      const left = taken.count(queue);
      if (left === 0 || left !== state.left) {
        state.left = left;
        state.count = 0;
        return;
      }
      if (++state.count !== PATIENCE) return;
      const ring = queue.ring!;
      const elsewhere = taken.elsewhere(queue);
      scene.report({
        device: queue.device,
        queue,
        found:
          `the driver has looked ${PATIENCE} times for what came back in ${queue.name}, and does not take the ` +
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
    return {
      ...taken.watcher,
      used: noteUsed,
      read(read) {
        noteRead?.(read);
        if (read.part !== undefined && looksForUsed(read)) look(read.part.queue);
      },
    };
  },
};
