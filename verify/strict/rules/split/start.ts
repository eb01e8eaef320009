import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { bytesAt } from "../memory/support.ts";

/** Looks at a field of 16 bits when a split queue is enabled: it must be 0. */
function zeroAtStart(field: "usedFlags" | "usedIndex", what: string, scene: Scene): Watcher {
  return {
    queueEnabled(queue: QueueModel) {
      const { ring } = queue;
      if (ring?.kind !== "split") return;
      const value = scene.machine.u16(ring.addressOf(field));
      if (value === 0) return;
      scene.report({
        device: queue.device,
        queue,
        found: `${what} was ${value} when the queue was enabled`,
        expected: "0",
        evidence: [bytesAt(scene, "used ring: flags, idx", ring.addressOf("usedFlags"), 4)],
      });
    },
  };
}

export const SPLIT_USED_FLAGS_START: Rule = {
  id: "split-used-flags-start",
  clauses: [
    "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Available Buffer Notification Suppression#1",
  ],
  level: "violation",
  section: "virtio 1.4, 2.7.10.1",
  title: "The used ring's flags are 0 when the queue starts",
  hint:
    "Zero the three areas before the queue is enabled, also when a queue or a device is used again after a reset.",
  watch: (scene) => zeroAtStart("usedFlags", "flags of the used ring", scene),
};

export const SPLIT_USED_INDEX_START: Rule = {
  id: "split-used-index-start",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.8",
  title: "The used ring's index is 0 when the queue starts: the device counts from 0",
  hint: "What is left of the life before a reset looks like used buffers. Zero the areas first.",
  watch: (scene) => zeroAtStart("usedIndex", "idx of the used ring", scene),
};

/** More entries than there is room for: they are of the life before. */
export const SPLIT_AVAILABLE_INDEX_START: Rule = {
  id: "split-available-index-start",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.6",
  title: "The available index begins at 0 when the queue starts: the device reads entries from the first on",
  hint: "Zero the three areas, and the driver's own counters, before the queue is enabled again.",
  watch: (scene) => ({
    queueEnabled(queue) {
      const { ring } = queue;
      if (ring?.kind !== "split" || ring.size === 0) return;
      const idx = scene.machine.u16(ring.addressOf("availIndex"));
      // A driver may have filled the ring before.
      if (idx <= ring.size) return;
      scene.report({
        device: queue.device,
        queue,
        found: `idx of the available ring was ${idx} when the queue was enabled`,
        expected: `0, or at most the ${ring.size} entries of the queue`,
        evidence: [bytesAt(scene, "available ring: flags, idx", ring.addressOf("availFlags"), 4)],
      });
    },
  }),
};
