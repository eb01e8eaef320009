import { Used } from "../../../../spec/virtio/split.ts";
import type { Rule } from "../../rule.ts";
import { DriverAtFault } from "../memory/driver_at_fault.ts";
import { bytesAt, together } from "../memory/support.ts";

/** Bytes of the longest read that is meant for one entry: who copies the whole ring looks at nothing yet. */
const ONE = Used.ELEM_SIZE;

/** An entry that the device has never written tells nothing. */
export const SPLIT_USED_ENTRY_EARLY: Rule = {
  id: "split-used-entry-early",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.8, 2.7.14",
  title: "Entries of the used ring are read up to the used index, not beyond",
  hint:
    "Entry used.idx % size is the next that the device will write. An entry has 8 bytes, id and then len, and the first " +
    "is 4 bytes behind the start of the area.",
  watch(scene) {
    const fault = new DriverAtFault(scene);
    return together(fault.watcher, {
      read({ address, length, part }) {
        const ring = part?.queue.ring;
        if (part?.area !== "device" || ring?.kind !== "split" || length > ONE || fault.of(part.queue)) return;
        const at = part.offset - Used.RING;
        const entry = Math.floor(at / ONE);
        // Behind the ring is avail_event. After a lap each entry has been written.
        if (at < 0 || entry >= ring.size || entry < ring.used) return;
        scene.report({
          device: part.queue.device,
          queue: part.queue,
          found:
            `entry ${entry} of the used ring was read (${length} bytes at offset ${part.offset}), and the ` +
            `device has written ${ring.used}`,
          expected: ring.used === 0 ? "no entry read yet" : `entries 0 to ${ring.used - 1} alone`,
          evidence: [
            bytesAt(scene, "used ring: flags, idx", ring.addressOf("usedFlags"), 4),
            bytesAt(scene, "what was read", address, length),
          ],
        });
      },
    });
  },
};
