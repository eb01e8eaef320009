import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { Areas } from "../support/areas.ts";
import { lengthOf, stretches } from "../support/segments.ts";

/** Bytes of a load. */
const WORD = 8;

export const BUFFER_PAST_END: Rule = {
  id: "buffer-read-past-end",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.14",
  title: "A driver that reads what a device wrote stops at the end of the buffer",
  hint: "Was a header added to the length twice, or the size of another buffer taken?",
  watch({ machine, report }) {
    const returned = new Areas<QueueModel>();
    return {
      used(queue, chain) {
        if (chain === undefined || queue.device.legacy) return;
        for (const s of stretches(chain, true, 0, lengthOf(chain, true))) {
          returned.add(s.address, s.length, queue);
        }
      },
      read({ address, length, part }) {
        if (part !== undefined || length <= WORD) return;
        for (const area of returned.overlapping(address, length)) {
          const end = area.address + area.length, past = address + length - end;
          // What follows is a buffer, too: who reads both in one go means both.
          if (past <= 0 || returned.overlapping(end, 1).length > 0) continue;
          const queue = area.about;
          report({
            device: queue.device,
            queue,
            found: `${length} bytes were read from byte ${
              address - area.address
            } on of a buffer of ${area.length} bytes`,
            expected: `no byte behind the end of the buffer: ${past} less`,
            evidence: [{
              what: "behind the buffer",
              address: end,
              value: machine.hex(end, Math.min(32, past)),
            }],
          });
        }
      },
      published(_queue, chain) {
        for (const s of chain.segments) returned.cut(s.address, s.length);
      },
      freed: ({ phys, length }) => returned.cut(phys, length),
      queueStopped: (queue) => returned.drop((q) => q === queue),
      reset: (device) => returned.drop((q) => q.device === device),
    };
  },
};
