import type { Rule } from "../../rule.ts";
import { chainFaultRule } from "../memory/chain_fault.ts";
import { chainName, descriptorAt } from "../memory/support.ts";

const INDIRECT =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Descriptor Table / Indirect Descriptors";

export const SPLIT_INDIRECT_FEATURE = chainFaultRule({
  id: "split-indirect-feature",
  clauses: [`${INDIRECT}#1`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.3.1",
  title: "INDIRECT is set only if VIRTIO_F_INDIRECT_DESC was negotiated",
  hint: "Does the driver look at the features it accepted, or only at those it would like?",
  ring: "split",
  kinds: ["indirect-feature"],
  expected: "no INDIRECT (4) in flags, as VIRTIO_F_INDIRECT_DESC was not accepted",
});

export const SPLIT_INDIRECT_NESTED = chainFaultRule({
  id: "split-indirect-nested",
  clauses: [`${INDIRECT}#2`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.3.1",
  title: "An indirect table holds buffers, no further table",
  hint: "INDIRECT belongs into the ring's descriptor that names the table; its entries have NEXT and WRITE.",
  ring: "split",
  kinds: ["indirect-nested"],
  expected: "entries without INDIRECT",
});

export const SPLIT_INDIRECT_NEXT = chainFaultRule({
  id: "split-indirect-next",
  clauses: [`${INDIRECT}#4`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.3.1",
  title: "A descriptor with INDIRECT has no NEXT",
  hint: "The table ends the chain; NEXT is for its entries.",
  ring: "split",
  kinds: ["indirect-next"],
  expected: "INDIRECT or NEXT, not both",
});

export const SPLIT_INDIRECT_LENGTH = chainFaultRule({
  id: "split-indirect-length",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.5.3",
  title: "The length of an indirect table is 16 bytes for each of its descriptors",
  hint: "len is in bytes: 16 times the number of entries.",
  ring: "split",
  kinds: ["indirect-length"],
  expected: "a multiple of 16, at least 16",
});

export const SPLIT_INDIRECT_WRITE = chainFaultRule({
  id: "split-indirect-write",
  clauses: [],
  level: "note",
  section: "virtio 1.4, 2.7.5.3.2",
  title: "WRITE says nothing at a descriptor with INDIRECT: the entries of the table say who writes",
  hint: "Set WRITE in the entries; devices ignore it at the descriptor that names the table.",
  ring: "split",
  kinds: ["indirect-write"],
  expected: "INDIRECT alone",
});

/** More descriptors than the queue has, those of the table counted. */
export const SPLIT_CHAIN_LENGTH: Rule = {
  id: "split-chain-length",
  clauses: [`${INDIRECT}#3`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.3.1",
  title: "A chain has at most as many descriptors as the queue, entries of an indirect table included",
  hint: "A table saves places in the ring; it does not make longer chains legal.",
  watch: (scene) => ({
    published(queue, chain) {
      const { ring } = queue;
      if (ring?.kind !== "split" || chain.segments.length <= ring.size) return;
      scene.report({
        device: queue.device,
        queue,
        found: `${chainName(queue, chain)} has ${chain.segments.length} buffers`,
        expected: `at most the ${ring.size} of the queue`,
        evidence: chain.descriptors.slice(0, 1).map((d) =>
          descriptorAt(scene, queue, ring.addressOf("descriptor", d))
        ),
        place: chain.place,
      });
    },
  }),
};
