import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import type { Rule } from "../../rule.ts";
import { hex, purposeOf } from "../basic/_registers.ts";
import { PerDevice, selectedQueue } from "../basic/_state.ts";

/** A second vector for the same queue, without a selection between: it was meant for another. */
export const VECTOR_WRITTEN_TWICE: Rule = {
  id: "queue-vector-written-twice",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 4.1.4.3, 4.1.5.1.2",
  title:
    "queue_msix_vector belongs to the queue that queue_select names: it is written once for each selection",
  hint:
    "Write queue_select before the vector of each queue; the other queue has none, and raises no interrupt.",
  watch(scene) {
    /** The vector that was written since queue_select was. */
    const written = new PerDevice(() => ({ vector: NO_VECTOR as number }));
    return {
      access(a) {
        const { device } = a;
        const purpose = purposeOf(a);
        if (!a.write || device.legacy) return;
        const last = written.of(device);
        if (purpose === "queueSelect") last.vector = NO_VECTOR;
        if (purpose !== "queueVector") return;
        const before = last.vector;
        last.vector = a.value;
        if (before === NO_VECTOR || a.value === NO_VECTOR || before === a.value) return;
        scene.report({
          device,
          queue: selectedQueue(device),
          found: `queue_msix_vector was written with ${a.value} after ${before}, both for queue ` +
            `${device.queueSelect}: queue_select was not written between`,
          expected: "queue_select with the number of the queue before its vector",
          evidence: [{ what: "queue_msix_vector", address: a.address, value: hex(a.value) }],
        });
      },
      reset: (device) => written.clear(device),
    };
  },
};
