import { PackedDesc, PackedDescF } from "../../../../spec/virtio/packed.ts";
import { DESC_SIZE } from "../../../../spec/virtio/split.ts";
import type { Rule } from "../../rule.ts";
import { enabledQueues } from "../memory/owners.ts";
import { bytesAt, hex, PerQueue } from "../memory/support.ts";

/** The driver goes on behind the last descriptor, and the device waits at the first. */
export const PACKED_DESCRIPTOR_BEYOND: Rule = {
  id: "packed-descriptor-beyond-ring",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.8",
  title:
    "The packed ring has as many descriptors as the queue: behind the last one comes the first, with the wrap " +
    "counter changed",
  hint: "Is the size at which the driver goes round the one that was written to queue_size (QueueSize)?",
  watch(scene) {
    /** Where the driver made available what is no descriptor, since it last made one available. */
    const states = new PerQueue<{ beyond: number | undefined }>(() => ({ beyond: undefined }));
    return {
      queueEnabled: (queue) => states.forget(queue),
      write({ address, length, part }) {
        if (part !== undefined || length > 4) return;
        for (const queue of enabledQueues(scene)) {
          const { ring, desc, size } = queue;
          const flags = address + length - 2;
          const index = (flags - PackedDesc.FLAGS - desc) / DESC_SIZE;
          if (ring?.kind !== "packed" || index < size || index > 0x7fff || !Number.isInteger(index)) continue;
          const { machine } = scene;
          if (machine.allocationAt(desc) !== machine.allocationAt(address)) continue;
          if ((machine.u16(flags) & (PackedDescF.AVAIL | PackedDescF.USED)) === 0) continue;
          states.of(queue).beyond = flags;
        }
      },
      published: (queue) => void (states.of(queue).beyond = undefined),
      notified(_device, queue) {
        const { ring, desc, size } = queue ?? {};
        const flags = queue === undefined ? undefined : states.of(queue).beyond;
        if (queue === undefined || ring?.kind !== "packed" || flags === undefined) return;
        states.of(queue).beyond = undefined;
        const index = Math.floor((flags - desc!) / DESC_SIZE);
        scene.report({
          device: queue.device,
          queue,
          found:
            `the device was notified, and nothing was made available but what lies at ${
              hex(flags - PackedDesc.FLAGS)
            }, ` +
            `where descriptor ${index} of a larger ring would be`,
          expected: `descriptor ${index} % ${size} = ${
            index % size!
          }, with the other value of the wrap counter`,
          evidence: [bytesAt(scene, "what was written", flags - PackedDesc.FLAGS, DESC_SIZE)],
        });
      },
    };
  },
};
