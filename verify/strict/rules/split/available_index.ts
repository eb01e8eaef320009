import { Avail } from "../../../../spec/virtio/split.ts";
import type { Rule } from "../../rule.ts";
import { before16, bytesAt, PerQueue, plural, written16 } from "../memory/support.ts";

/** The available index goes up, by no more than there are entries. */
export const SPLIT_AVAILABLE_INDEX: Rule = {
  id: "split-available-index",
  clauses: [
    "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Available Ring#1",
  ],
  level: "violation",
  section: "virtio 1.4, 2.7.6.1",
  title: "The available index only goes up (modulo 65536), by one for each entry",
  hint:
    "The index is never wrapped at the queue size: entry idx % size is filled, idx goes on to 65535. A jump of 256 " +
    "is a value with its bytes swapped.",
  watch(scene) {
    /** The index as it stood last: a write of more than 4 bytes does not say what was there. */
    const last = new PerQueue<{ idx: number | undefined }>(() => ({ idx: undefined }));
    return {
      queueEnabled: (queue) => last.forget(queue),
      write(write) {
        const { part } = write;
        const ring = part?.queue.ring;
        if (part === undefined || ring?.kind !== "split" || part.area !== "driver") return;
        // A size that was neither written nor read is not known.
        if (ring.size === 0) return;
        const field = ring.addressOf("availIndex");
        const now = written16(scene, write, field);
        if (now === undefined) return;
        const state = last.of(part.queue);
        const before = before16(write, field) ?? state.idx ?? ring.indices.avail;
        state.idx = now;
        const step = (now - before) & 0xffff;
        if (step <= ring.size) return;
        const back = (before - now) & 0xffff;
        const how = back <= step ? `back by ${back}` : `on by ${step}`;
        scene.report({
          device: part.queue.device,
          queue: part.queue,
          found: `the available index went from ${before} to ${now}: ${how}`,
          expected: `at most ${ring.size} more than ${before}, as the queue has ${
            plural(ring.size, "descriptor")
          }`,
          evidence: [bytesAt(scene, "available ring: flags, idx", field - Avail.IDX, 4)],
        });
      },
    };
  },
};
