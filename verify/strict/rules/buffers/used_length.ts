import { VirtioId } from "../../../../spec/virtio/ids.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Watcher } from "../../rule.ts";
import { Areas } from "../support/areas.ts";
import { lengthOf, stretches } from "../support/segments.ts";

/** A chain that came back. */
export interface Returned {
  readonly queue: QueueModel;
  readonly chain: Chain;
  /** Bytes that the device says it wrote. */
  readonly written: number;
}

/** Bytes of the longest load. */
const WORD = 8;

/** A watcher for reads of writable buffers behind what the device wrote, as long as the driver has written nothing there. */
export function watchBeyond(
  { machine, report }: Parameters<Rule["watch"]>[0],
  which: (device: DeviceModel) => boolean,
): Watcher {
  const beyond = new Areas<Returned>();
  const forget = (queue: QueueModel) => beyond.drop((r) => r.queue === queue);
  return {
    used(queue, chain, _id, written) {
      if (chain === undefined || queue.device.legacy || !which(queue.device)) return;
      for (const s of stretches(chain, true, written, lengthOf(chain, true))) {
        beyond.add(s.address, s.length, { queue, chain, written });
      }
    },
    read({ address, length, part }) {
      if (part !== undefined) return;
      for (const area of beyond.overlapping(address, length)) {
        const { queue, written, chain } = area.about;
        const from = Math.max(area.address, address);
        const to = Math.min(area.address + area.length, address + length);
        // A load of a word that begins within what was written, and goes over its end.
        if (length <= WORD && address < area.address && address % length === 0) continue;
        report({
          device: queue.device,
          queue,
          found: `${to - from} bytes were read behind the ${written} that the device wrote`,
          expected: `no byte beyond the used length (${written} of ${lengthOf(chain, true)}) is looked at`,
          evidence: [{
            what: "what was read there",
            address: from,
            value: machine.hex(from, Math.min(32, to - from)),
          }],
        });
      }
    },
    write: ({ address, length }) => beyond.cut(address, length),
    published(_queue, chain) {
      for (const s of chain.segments) beyond.cut(s.address, s.length);
    },
    freed: ({ phys, length }) => beyond.cut(phys, length),
    queueStopped: forget,
    reset(device) {
      beyond.drop((r) => r.queue.device === device);
    },
  };
}

export const USED_LENGTH: Rule = {
  id: "used-length",
  clauses: ["drivernormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Used Ring#1"],
  level: "warning",
  section: "virtio 1.4, 2.7.8.2",
  title: "A driver looks at no more of a buffer than the device wrote: the used length says how much",
  hint:
    "Take len of the used entry (packed: of the descriptor) as the number of bytes that are there, however large the buffer is.",
  watch: (scene) => watchBeyond(scene, ({ virtioId }) => virtioId !== VirtioId.Rng),
};
