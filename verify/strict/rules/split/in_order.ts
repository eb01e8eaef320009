import { F } from "../../../../spec/virtio/features.ts";
import { DESC_SIZE } from "../../../../spec/virtio/split.ts";
import type { Rule } from "../../rule.ts";
import { chainName, descriptorAt } from "../memory/support.ts";

const DESCRIPTORS =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Descriptor Table";

/** With IN_ORDER a device may work out where descriptors are; it need not read `next`. */
export const SPLIT_IN_ORDER_NEXT: Rule = {
  id: "split-in-order-next",
  clauses: [`${DESCRIPTORS}#2`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.2",
  title: "With VIRTIO_F_IN_ORDER the next descriptor of a chain is the next of the table",
  hint: "Take descriptors in ring order, from 0 on, instead of from a free list.",
  watch: (scene) => ({
    published(queue, chain) {
      const { ring } = queue;
      if (ring?.kind !== "split" || !queue.device.has(F.IN_ORDER)) return;
      for (let i = 1; i < chain.descriptors.length; i++) {
        const [at, next] = [chain.descriptors[i - 1], chain.descriptors[i]];
        const expected = (at + 1) % ring.size;
        if (next === expected) continue;
        return scene.report({
          device: queue.device,
          queue,
          found: `${chainName(queue, chain)}: next of descriptor ${at} is ${next}`,
          expected: `${expected}`,
          evidence: [descriptorAt(scene, queue, ring.addressOf("descriptor", at))],
          place: chain.place,
        });
      }
    },
  }),
};

export const SPLIT_IN_ORDER_TABLE: Rule = {
  id: "split-in-order-table",
  clauses: [`${DESCRIPTORS} / Indirect Descriptors#5`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.3.1",
  title: "With VIRTIO_F_IN_ORDER the entries of an indirect table follow one another: next is 1, 2, 3 ...",
  hint: "Fill the table from its first entry, in the order of the chain.",
  watch: (scene) => ({
    published(queue, chain) {
      const { table } = chain;
      if (table === undefined || queue.ring?.kind !== "split" || !queue.device.has(F.IN_ORDER)) return;
      const entries = chain.segments.filter((s) =>
        s.descriptor >= table.address && s.descriptor < table.address + table.length
      );
      const wrong = entries.findIndex((s, i) => s.descriptor !== table.address + DESC_SIZE * i);
      if (wrong < 1) return;
      const index = (entries[wrong].descriptor - table.address) / DESC_SIZE;
      scene.report({
        device: queue.device,
        queue,
        found: `${
          chainName(queue, chain)
        }: entry ${index} of the indirect table stands at place ${wrong} of the chain`,
        expected: `entry ${wrong}`,
        evidence: [descriptorAt(scene, queue, entries[wrong - 1].descriptor)],
        place: chain.place,
      });
    },
  }),
};
