import { F } from "../../../../spec/virtio/features.ts";
import { AVAIL_F_NO_INTERRUPT } from "../../../../spec/virtio/split.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { bytesAt, hex, written16 } from "../memory/support.ts";

const SUPPRESSION =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Used Buffer Notification Suppression";

/** Looks at the available ring's flags when they are written, and when the queue starts. */
function watchFlags(
  scene: Scene,
  eventIdx: boolean,
  allowed: (flags: number) => boolean,
  expected: string,
): Watcher {
  const look = (queue: QueueModel, flags: number) => {
    if (allowed(flags)) return;
    scene.report({
      device: queue.device,
      queue,
      found: `flags of the available ring are ${hex(flags)}`,
      expected,
      evidence: [bytesAt(scene, "available ring: flags, idx", queue.ring!.addressOf("availFlags"), 4)],
    });
  };
  const concerns = (queue: QueueModel) =>
    queue.ring?.kind === "split" && queue.device.has(F.EVENT_IDX) === eventIdx;
  return {
    queueEnabled(queue) {
      if (concerns(queue)) look(queue, scene.machine.u16(queue.ring!.addressOf("availFlags")));
    },
    write(write) {
      const { part } = write;
      if (part?.area !== "driver" || !concerns(part.queue)) return;
      const flags = written16(scene, write, part.queue.ring!.addressOf("availFlags"));
      if (flags !== undefined) look(part.queue, flags);
    },
  };
}

export const SPLIT_AVAILABLE_FLAGS: Rule = {
  id: "split-available-flags",
  clauses: [`${SUPPRESSION}#1`],
  level: "violation",
  section: "virtio 1.4, 2.7.7.1",
  title: "Without VIRTIO_F_EVENT_IDX the available ring's flags are 0 (interrupts wanted) or 1 (not wanted)",
  hint: "NO_INTERRUPT is bit 0, the only one. Is it written where it belongs, in the right byte order?",
  watch: (scene) => watchFlags(scene, false, (flags) => flags <= AVAIL_F_NO_INTERRUPT, "0 or 1"),
};

export const SPLIT_FLAGS_WITH_EVENT_IDX: Rule = {
  id: "split-flags-with-event-idx",
  clauses: [`${SUPPRESSION}#3`],
  level: "violation",
  section: "virtio 1.4, 2.7.7.1",
  title:
    "With VIRTIO_F_EVENT_IDX the available ring's flags stay 0: used_event says when an interrupt is wanted",
  hint: "To be left alone, set used_event to an index that was passed already; leave flags 0.",
  watch: (scene) =>
    watchFlags(scene, true, (flags) => flags === 0, "0, as VIRTIO_F_EVENT_IDX was negotiated"),
};
