import type { Rule } from "../../rule.ts";
import { chainName, changes, descriptorAt, hex, plural } from "../memory/support.ts";

/** A descriptor that is with the device is changed. */
export const SPLIT_DESCRIPTOR_IN_FLIGHT: Rule = {
  id: "split-descriptor-in-flight",
  clauses: ["drivernormative:General Initialization And Device Operation / Device Cleanup#1"],
  level: "violation",
  section: "virtio 1.4, 3.3.1",
  title:
    "A descriptor stays as it is from the moment it was made available until the device has used its chain",
  hint:
    "Which descriptors become free when a chain comes back? Those of the chain whose head the used entry names, in " +
    "id: not the descriptor with the entry's position, and not one more than the chain has.",
  watch: (scene) => ({
    write(write) {
      const { part } = write;
      const ring = part?.queue.ring;
      if (part === undefined || ring?.kind !== "split" || part.area !== "desc" || !changes(scene, write)) {
        return;
      }
      const owned = ring.ownerOf(write.address, write.length);
      if (owned?.what !== "descriptor") return;
      const { chain } = owned;
      const mine = chain.descriptors.find((d) => {
        const at = ring.addressOf("descriptor", d);
        return write.address < at + 16 && write.address + write.length > at;
      });
      scene.report({
        device: part.queue.device,
        queue: part.queue,
        found:
          `descriptor ${mine} was written (${plural(write.length, "byte")} at ${
            hex(write.address)
          }), which ` +
          `belongs to ${chainName(part.queue, chain)}, in flight`,
        expected: "no change before the device has used the chain",
        evidence: [descriptorAt(scene, part.queue, ring.addressOf("descriptor", mine ?? chain.id))],
      });
    },
  }),
};
