import { Avail } from "../../../../spec/virtio/split.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { DriverWrite } from "../../events.ts";
import type { Rule, Scene } from "../../rule.ts";
import { before16, bytesAt, PerQueue } from "../memory/support.ts";

/** How far a ring's entries are known to be read. */
interface Progress {
  /** Number of the first chain that the device may not have looked at yet. */
  unread: number;
}

/**
 * An entry of the available ring is filled before the index counts it. Entries are read in order: one is the driver's
 * again as soon as its chain, or one behind it, was used.
 */
export const SPLIT_ENTRY_BEFORE_INDEX: Rule = {
  id: "split-entry-before-index",
  clauses: [
    "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Supplying Buffers to The Device / Updating idx#1",
  ],
  level: "violation",
  section: "virtio 1.4, 2.7.13.3",
  title: "An entry of the available ring is written before the index makes it visible",
  hint:
    "Descriptors first, then the entry, a write barrier, and the index last. Does the entry go to idx % size with " +
    "the idx before the step?",
  watch(scene) {
    const progress = new PerQueue<Progress>(() => ({ unread: 0 }));
    return {
      queueEnabled: (queue) => progress.forget(queue),
      used(queue, chain) {
        const state = progress.of(queue);
        if (chain !== undefined) state.unread = Math.max(state.unread, chain.number + 1);
      },
      write(write) {
        const { part } = write;
        const ring = part?.queue.ring;
        if (part === undefined || ring?.kind !== "split" || part.area !== "driver") return;
        // A write of the whole area sets the ring up anew; what it breaks, the index tells.
        if (write.length > 4 || part.offset < Avail.RING) return;
        const slot = slotsOf(scene, write, part.offset).find((s) =>
          s < ring.size && visible(part.queue, s, progress.of(part.queue).unread) !== undefined
        );
        if (slot === undefined) return;
        const position = visible(part.queue, slot, progress.of(part.queue).unread);
        const entry = ring.addressOf("availEntry", slot);
        scene.report({
          device: part.queue.device,
          queue: part.queue,
          found: `entry ${slot} of the available ring became ${scene.machine.u16(entry)} when the index, ` +
            `${ring.indices.avail}, already made it visible`,
          expected: `the entry of position ${position} stays as it was until the device has used it`,
          evidence: [
            bytesAt(scene, `available ring entry ${slot}`, entry, 2),
            bytesAt(scene, "available ring: flags, idx", ring.addressOf("availFlags"), 4),
          ],
        });
      },
    };
  },
};

/** The entries that a write is about: of a store of two, those that it changes. */
function slotsOf(scene: Scene, write: DriverWrite, offset: number): number[] {
  const first = (offset - Avail.RING) >> 1, last = (offset + write.length - 1 - Avail.RING) >> 1;
  if (first === last) return [first];
  return [first, last].filter((slot) => {
    const field = write.address - offset + Avail.RING + 2 * slot;
    const before = before16(write, field);
    return before === undefined || before !== scene.machine.u16(field);
  });
}

/** The position that an entry has for the device, which may still read it; undefined: the entry is the driver's. */
function visible(queue: QueueModel, slot: number, unread: number): number | undefined {
  const ring = queue.ring!;
  const open = Math.min(ring.published - unread, ring.size);
  for (let back = 1; back <= open; back++) {
    const position = (ring.indices.avail - back) & 0xffff;
    if (position % ring.size === slot) return position;
  }
  return undefined;
}
