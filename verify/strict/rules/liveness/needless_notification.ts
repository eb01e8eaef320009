import type { Rule } from "../../rule.ts";
import { PerQueue } from "../memory/support.ts";
import { wishOf } from "./lost_notification.ts";
import { type Debt, newDebt, wanted } from "./notifications.ts";

const SUPPRESSION =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Available Buffer Notification Suppression";

/** A notification that the device asked not to get. The packed ring allows them without a word. */
export const NEEDLESS_NOTIFICATION: Rule = {
  id: "needless-notification",
  clauses: [`${SUPPRESSION}#3`, `${SUPPRESSION}#7`],
  level: "warning",
  section: "virtio 1.4, 2.7.10.1",
  title: "A device that wants no notification is spared it: each costs a trap out of the guest",
  hint:
    "Read the used ring's flags (with EVENT_IDX: avail_event) after the index was written, and notify only if the " +
    "device wants it.",
  watch(scene) {
    const debts = new PerQueue<Debt>(newDebt);
    // A real device may have written its wish between the driver's look and ours.
    const exact = scene.machine.platform === "simulated";
    return {
      queueEnabled: (queue) => debts.forget(queue),
      read(read) {
        const queue = read.part?.queue;
        if (queue?.ring?.kind !== "split") return;
        const debt = debts.of(queue);
        const { published } = queue.ring;
        if (published <= debt.decided) return;
        const wants = wanted(scene, queue, read, debt.decided);
        if (wants === true) debt.owed = published;
        if (wants === false) debt.declined = published;
        if (wants !== undefined) debt.decided = published;
      },
      notified(device, queue) {
        if (queue?.ring?.kind !== "split" || !device.live) return;
        const debt = debts.of(queue);
        const { published } = queue.ring;
        const isNew = published > debt.told;
        const unwanted = debt.owed === undefined && isNew &&
          (debt.declined === published ||
            exact && published > debt.decided && !queue.ring.wantsNotification(debt.told));
        debt.owed = debt.declined = undefined;
        debt.decided = debt.told = published;
        if (!unwanted) return;
        scene.report({
          device,
          queue,
          found: `${queue.name} was notified although the device had said that it wants no notification now`,
          expected: "no notification",
          evidence: wishOf(scene, queue),
        });
      },
    };
  },
};
