import type { Chain, Segment } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { areasOf } from "../basic/_memory.ts";
import { enabledQueues } from "./owners.ts";
import { chainName, descriptorAt, hex, plural } from "./support.ts";

/** A writable buffer of a chain that lies over a queue's own memory. */
interface OverRing {
  readonly segment: Segment;
  readonly queue: QueueModel;
  /** `used ring`. */
  readonly area: string;
}

/** The first buffer of a chain with which a device would write over a ring, or undefined. */
export function overRing(scene: Scene, chain: Chain): OverRing | undefined {
  for (const segment of chain.segments) {
    if (!segment.writable || segment.length === 0) continue;
    for (const queue of enabledQueues(scene)) {
      const hit = areasOf(queue).find((area) =>
        segment.address < area.address + area.length && area.address < segment.address + segment.length
      );
      if (hit !== undefined) return { segment, queue, area: hit.what };
    }
  }
  return undefined;
}

/** What a device writes as an answer must not be what it, or the driver, goes by. */
export const BUFFER_IN_RING: Rule = {
  id: "buffer-in-ring",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.6",
  title: "A buffer that the device fills has no part of a queue's descriptors, rings or event structures",
  hint:
    "The address in the descriptor is that of a ring. Was a variable mixed up, or a pointer's offset left out?",
  watch: (scene) => ({
    published(queue, chain) {
      const found = overRing(scene, chain);
      if (found === undefined) return;
      const { segment } = found;
      scene.report({
        device: queue.device,
        queue,
        found: `${chainName(queue, chain)}: the writable buffer of ${plural(segment.length, "byte")} at ` +
          `${hex(segment.address)} lies over the ${found.area} of ${found.queue.name}`,
        expected: "memory of its own",
        evidence: [descriptorAt(scene, queue, segment.descriptor)],
        place: chain.place,
      });
    },
  }),
};
