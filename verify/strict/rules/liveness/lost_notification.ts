import type { QueueModel } from "../../model/queue.ts";
import type { Evidence } from "../../report.ts";
import type { Rule, Scene } from "../../rule.ts";
import { bytesAt, PerQueue, plural } from "../memory/support.ts";
import { type Debt, looksForUsed, newDebt, wanted } from "./notifications.ts";

const SUPPRESSION =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Available Buffer Notification Suppression";

/** A driver that has looked this often for used buffers will not notify any more. */
const PATIENCE = 1000;

/** The bytes that say what the device wants. */
export function wishOf(scene: Scene, queue: QueueModel): Evidence[] {
  const ring = queue.ring!;
  if (ring.kind === "packed") {
    return [bytesAt(scene, "device event: desc, flags", ring.addressOf("deviceEvent"), 4)];
  }
  return [
    bytesAt(scene, "used ring: flags, idx", ring.addressOf("usedFlags"), 4),
    bytesAt(scene, "avail_event", ring.addressOf("availEvent"), 2),
    bytesAt(scene, "available ring: flags, idx", ring.addressOf("availFlags"), 4),
  ];
}

/** A notification that the device wants is not sent: it may never look. */
export const LOST_NOTIFICATION: Rule = {
  id: "lost-notification",
  clauses: [`${SUPPRESSION}#4`, `${SUPPRESSION}#6`],
  level: "violation",
  section: "virtio 1.4, 2.7.10.1, 2.8.10",
  title: "A device that wants to be notified of available buffers is notified",
  hint:
    "What decides is what the device wrote: without EVENT_IDX the used ring's flags; with it, whether the event index " +
    "is among all the entries that were published since the last look, not whether it equals one of them. Read it after " +
    "the full barrier, and notify when nothing was found out.",
  watch(scene) {
    const debts = new PerQueue<Debt>(newDebt);
    const recorded = scene.machine.platform === "trace";
    const settle = (queue: QueueModel, debt: Debt, when: string) => {
      const { ring, device } = queue;
      if (debt.owed === undefined && ring?.published === debt.decided) return;
      if (ring === undefined || !queue.enabled || !device.live || device.legacy) return;
      const since = debt.owed === undefined ? debt.decided : debt.told;
      // A real device may have moved its event between the driver's two loads.
      const moved = scene.machine.platform !== "simulated" && ring.kind === "packed";
      if (moved && !ring.wantsNotification(since)) return;
      const open = [...ring.inFlight.values()].filter((c) => c.number >= since);
      if (open.length === 0 || debt.owed === undefined && !ring.wantsNotification(debt.decided)) return;
      debt.owed = undefined;
      debt.decided = debt.told = ring.published;
      scene.report({
        device,
        queue,
        found:
          `${plural(open.length, "chain")} of ${queue.name} ${
            open.length === 1 ? "was" : "were"
          } published, the ` +
          `device wants a notification, and ${when} without one`,
        expected: "a notification after the chain was published",
        evidence: wishOf(scene, queue),
        place: debt.place,
      });
    };
    const settleAll = (when: string) => {
      for (const [queue, debt] of debts.entries()) settle(queue, debt, when);
    };
    return {
      queueEnabled: (queue) => debts.forget(queue),
      queueStopped: (queue) => debts.forget(queue),
      published(queue, chain) {
        const debt = debts.of(queue);
        debt.place = chain.place;
        debt.looks = 0;
      },
      publishedBatch(queue, count) {
        if (!recorded) return;
        // What the driver read is not in a trace: it will have looked now.
        const debt = debts.of(queue);
        const { published } = queue.ring!;
        if (queue.ring!.wantsNotification(published - count)) debt.owed = published;
        debt.decided = published;
      },
      read(read) {
        const queue = read.part?.queue;
        if (queue?.ring === undefined) return;
        const debt = debts.of(queue);
        const { published } = queue.ring;
        if (published > debt.decided) {
          const wants = wanted(scene, queue, read, debt.decided);
          if (wants === true) debt.owed = published;
          if (wants !== undefined) debt.decided = published;
        }
        if (published === debt.told || !looksForUsed(read)) return;
        if (++debt.looks === PATIENCE) {
          settle(queue, debt, `the driver has looked ${PATIENCE} times for what came back`);
        }
      },
      notified(_device, queue) {
        if (queue?.ring === undefined) return;
        const debt = debts.of(queue);
        debt.owed = undefined;
        debt.decided = debt.told = queue.ring.published;
      },
      idle: () => settleAll("the CPU went idle"),
      end: () => settleAll("the machine ended"),
    };
  },
};
