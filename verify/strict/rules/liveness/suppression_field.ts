import { F } from "../../../../spec/virtio/features.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { PerQueue } from "../memory/support.ts";
import { suppressionRead } from "../split/barriers.ts";
import { wishOf } from "./lost_notification.ts";

const SUPPRESSION =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Available Buffer Notification Suppression";

/** Which fields the driver read since it published. */
interface Reads {
  usedFlags: boolean;
  availEvent: boolean;
  fresh: boolean;
}

/**
 * Reports a driver that decides on a notification by the field that does not count: it read that one since it published,
 * and not the one that does.
 */
function watchField(scene: Scene, eventIdx: boolean): Watcher {
  const reads = new PerQueue<Reads>(() => ({ usedFlags: false, availEvent: false, fresh: false }));
  const [right, wrong] = eventIdx
    ? ["availEvent", "usedFlags"] as const
    : ["usedFlags", "availEvent"] as const;
  const name = (field: typeof right) => field === "availEvent" ? "avail_event" : "flags of the used ring";
  const decide = (queue: QueueModel) => {
    const state = reads.of(queue);
    const by = state[wrong] && !state[right];
    state.usedFlags = state.availEvent = state.fresh = false;
    if (!by || queue.device.has(F.EVENT_IDX) !== eventIdx) return;
    scene.report({
      device: queue.device,
      queue,
      found: `after chains were published the driver read ${name(wrong)}, and not ${name(right)}`,
      expected: `${name(right)}, as VIRTIO_F_EVENT_IDX was ${eventIdx ? "" : "not "}negotiated`,
      evidence: wishOf(scene, queue),
    });
  };
  return {
    queueEnabled: (queue) => reads.forget(queue),
    publishedBatch(queue) {
      if (reads.of(queue).fresh) decide(queue);
      reads.of(queue).fresh = true;
    },
    read(read) {
      const queue = read.part?.queue;
      if (queue === undefined || !reads.of(queue).fresh) return;
      const field = suppressionRead(queue, read);
      if (field !== undefined) reads.of(queue)[field] = true;
    },
    notified(_device, queue) {
      if (queue?.ring?.kind === "split" && reads.of(queue).fresh) decide(queue);
    },
    idle() {
      for (const [queue, state] of reads.entries()) if (state.fresh) decide(queue);
    },
  };
}

export const AVAIL_EVENT_IGNORED: Rule = {
  id: "avail-event-without-feature",
  clauses: [`${SUPPRESSION}#2`],
  level: "violation",
  section: "virtio 1.4, 2.7.10.1",
  title:
    "Without VIRTIO_F_EVENT_IDX the used ring's flags decide on notifications; avail_event is not looked at",
  hint: "Does the driver ask for the feature it negotiated before it chooses between flags and avail_event?",
  watch: (scene) => watchField(scene, false),
};

export const USED_FLAGS_IGNORED: Rule = {
  id: "used-flags-with-event-idx",
  clauses: [`${SUPPRESSION}#5`],
  level: "violation",
  section: "virtio 1.4, 2.7.10.1",
  title:
    "With VIRTIO_F_EVENT_IDX avail_event decides on notifications; the used ring's flags are not looked at",
  hint:
    "The device leaves flags 0 then, so a driver that goes by them always notifies. Compare the new index with " +
    "avail_event instead.",
  watch: (scene) => watchField(scene, true),
};
