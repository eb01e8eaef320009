import { F } from "../../../../spec/virtio/features.ts";
import { Avail } from "../../../../spec/virtio/split.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { enabledQueues } from "../memory/owners.ts";
import { bytesAt, chainName, hex, PerQueue } from "../memory/support.ts";

/** What was written since the index was shown last. */
interface Written {
  /** Slots of the ring. */
  readonly slots: Set<number>;
  /** The last place where an entry would be if the ring had more of them. */
  beyond: { readonly entry: number; readonly address: number } | undefined;
}

/** The driver goes on behind the last entry, and the device at the first again. */
export const SPLIT_ENTRY_BEYOND: Rule = {
  id: "split-entry-beyond-ring",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.6, 2.7.13.1",
  title: "The available ring has as many entries as the queue: behind the last one comes the first",
  hint:
    "The entry's number is the index modulo the size that was written to queue_size (QueueSize). Is that the size the " +
    "driver goes by?",
  watch(scene) {
    const states = new PerQueue<Written>(() => ({ slots: new Set(), beyond: undefined }));
    /** The entry that a driver has in mind who writes here; it may be beyond the ring. */
    const entryAt = (queue: QueueModel, address: number): number | undefined => {
      const first = queue.ring!.addressOf("availEntry", 0);
      const entry = (address - first) / 2;
      if (entry < 0 || entry > 0xffff || !Number.isInteger(entry)) return undefined;
      // With EVENT_IDX the place right behind the last entry is used_event.
      if (entry === queue.size && queue.device.has(F.EVENT_IDX)) return undefined;
      const { machine } = scene;
      return entry < queue.size || machine.allocationAt(first) === machine.allocationAt(address)
        ? entry
        : undefined;
    };
    return {
      queueEnabled: (queue) => states.forget(queue),
      write({ address, length, part }) {
        if (part !== undefined && part.area !== "driver") return;
        for (const queue of enabledQueues(scene)) {
          const { ring } = queue;
          if (ring?.kind !== "split" || part !== undefined && part.queue !== queue) continue;
          const state = states.of(queue);
          const first = ring.addressOf("availEntry", 0);
          // Whoever writes more than an entry at a time writes all of them.
          for (let at = Math.max(address, first); length > 2 && at < address + length; at += 2) {
            const slot = Math.floor((at - first) / 2);
            if (slot >= ring.size) break;
            state.slots.add(slot);
          }
          const entry = length > 2 ? undefined : entryAt(queue, address);
          if (entry === undefined) continue;
          if (entry < ring.size) state.slots.add(entry);
          else state.beyond = { entry, address };
        }
      },
      published(queue, chain) {
        const { ring } = queue;
        const state = states.of(queue);
        const slot = chain.position % (ring?.size || 1);
        if (ring?.kind !== "split" || state.beyond === undefined || state.slots.has(slot)) return;
        const { entry, address } = state.beyond;
        scene.report({
          device: queue.device,
          queue,
          found:
            `the available index was raised for entry ${slot}, which was not written; 2 bytes were written at ` +
            `${hex(address)}, where entry ${entry} of a larger ring would be`,
          expected: `entry ${chain.position} % ${ring.size} = ${slot} written, at ${
            hex(ring.addressOf("availEntry", slot))
          }`,
          evidence: [
            bytesAt(
              scene,
              `available ring entry ${slot} (${chainName(queue, chain)})`,
              ring.addressOf("availEntry", slot),
              2,
            ),
            bytesAt(scene, `${2 * entry + Avail.RING} bytes behind the start`, address, 2),
          ],
        });
      },
      publishedBatch(queue) {
        const state = states.of(queue);
        state.slots.clear();
        state.beyond = undefined;
      },
    };
  },
};
