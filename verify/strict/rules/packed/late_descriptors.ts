import type { Chain, ChainFault } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Watcher } from "../../rule.ts";
import { chainName, descriptorAt } from "../memory/support.ts";

/** A chain with a descriptor that its flags do not make available. */
interface Doubt {
  readonly queue: QueueModel;
  readonly chain: Chain;
  readonly fault: ChainFault;
}

/**
 * A descriptor behind a head that is available itself is not: its flags are wrong, or it is filled too late, after the
 * head. What the driver does next tells which.
 */
function watchDoubts(wrong: (d: Doubt) => void, late: (d: Doubt) => void): Watcher {
  const doubts = new Map<QueueModel, Doubt>();
  const settle = (queue: QueueModel | undefined) => {
    for (const doubt of queue === undefined ? [...doubts.values()] : [doubts.get(queue)]) {
      if (doubt === undefined) continue;
      doubts.delete(doubt.queue);
      wrong(doubt);
    }
  };
  return {
    published(queue, chain) {
      settle(queue);
      const fault = chain.faults.find((f) => f.kind === "wrap");
      if (fault !== undefined) doubts.set(queue, { queue, chain, fault });
    },
    write(write) {
      const doubt = write.part === undefined ? undefined : doubts.get(write.part.queue);
      if (doubt === undefined || write.part!.area !== "desc") return;
      const { descriptor } = doubt.fault;
      if (write.address >= descriptor + 16 || write.address + write.length <= descriptor) return;
      doubts.delete(doubt.queue);
      late(doubt);
    },
    // Whatever else the driver does, it is done with the chain.
    notified: (_device, queue) => settle(queue),
    idle: () => settle(undefined),
    read: (read) => read.part === undefined ? undefined : settle(read.part.queue),
    queueStopped: (queue) => settle(queue),
    end: () => settle(undefined),
  };
}

/** AVAIL and USED by the wrap counter, for each descriptor of a list. */
export const PACKED_WRAP: Rule = {
  id: "packed-wrap",
  clauses: [
    "devicenormative:Basic Facilities of a Virtio Device / Packed Virtqueues / The Virtqueue Descriptor Table#3",
  ],
  level: "violation",
  section: "virtio 1.4, 2.8.1",
  title:
    "Each descriptor of a list is made available by its own flags: AVAIL as the wrap counter, USED its opposite",
  hint:
    "Set both bits in every descriptor, not only in the first; the wrap counter changes where a list goes over the " +
    "end of the ring. A NEXT too many leads to a descriptor that was not filled.",
  watch: (scene) =>
    watchDoubts(({ queue, chain, fault }) =>
      scene.report({
        device: queue.device,
        queue,
        found: `${chainName(queue, chain)}: ${fault.text}`,
        expected: "AVAIL (0x80) and USED (0x8000) by the wrap counter",
        evidence: [
          descriptorAt(scene, queue, fault.descriptor),
          descriptorAt(scene, queue, queue.ring!.addressOf("descriptor", chain.descriptors[0])),
        ],
        place: chain.place,
      }), () => {}),
};

/** The head of a list makes all of it visible. */
export const PACKED_HEAD_LAST: Rule = {
  id: "packed-head-last",
  clauses: [
    "drivernormative:Basic Facilities of a Virtio Device / Packed Virtqueues / Scatter-Gather Support#6",
  ],
  level: "violation",
  section: "virtio 1.4, 2.8.19.1",
  title: "The first descriptor of a list is made available last, when all others are filled",
  hint:
    "Keep the flags of the first descriptor back, fill the rest of the list, a write barrier, then the flags.",
  watch: (scene) =>
    watchDoubts(() => {}, ({ queue, chain, fault }) =>
      scene.report({
        device: queue.device,
        queue,
        found:
          `${chainName(queue, chain)}: descriptor ${
            (fault.descriptor - queue.desc) / 16
          } was written after ` +
          `descriptor ${chain.descriptors[0]}, the first of the list, had been made available`,
        expected: "the flags of the first descriptor are the last store of the list",
        evidence: [descriptorAt(scene, queue, fault.descriptor)],
      })),
};
