import { PackedDesc } from "../../../../spec/virtio/packed.ts";
import { DescF } from "../../../../spec/virtio/split.ts";
import type { Rule } from "../../rule.ts";
import { chainFaultRule } from "../memory/chain_fault.ts";
import { chainName, descriptorAt, hex } from "../memory/support.ts";

const LISTS =
  "drivernormative:Basic Facilities of a Virtio Device / Packed Virtqueues / Scatter-Gather Support";
const INDIRECT =
  "drivernormative:Basic Facilities of a Virtio Device / Packed Virtqueues / The Virtqueue Descriptor Table / Indirect Descriptors";

export const PACKED_CHAIN_ORDER = chainFaultRule({
  id: "packed-chain-order",
  clauses: [`${LISTS}#3`],
  level: "violation",
  section: "virtio 1.4, 2.8.19.1",
  title: "In a list of a packed ring, what the device reads stands before what it writes",
  hint: "Is WRITE set at the right buffers? It belongs to those that the device fills.",
  ring: "packed",
  kinds: ["order"],
  expected: "readable descriptors first, then those with WRITE",
});

export const PACKED_CHAIN_LOOP = chainFaultRule({
  id: "packed-chain-loop",
  clauses: [`${LISTS}#2`],
  level: "violation",
  section: "virtio 1.4, 2.8.19.1",
  title: "A list of a packed ring has at most as many descriptors as the ring",
  hint: "The last descriptor of a list has no NEXT. Is NEXT set for each of them?",
  ring: "packed",
  kinds: ["loop"],
  expected: "a list that ends within the ring",
});

export const PACKED_INDIRECT_FEATURE = chainFaultRule({
  id: "packed-indirect-feature",
  clauses: [`${INDIRECT}#1`],
  level: "violation",
  section: "virtio 1.4, 2.8.7.1",
  title: "INDIRECT is set only if VIRTIO_F_INDIRECT_DESC was negotiated",
  hint: "Does the driver look at the features it accepted, or only at those it would like?",
  ring: "packed",
  kinds: ["indirect-feature"],
  expected: "no INDIRECT (4) in flags, as VIRTIO_F_INDIRECT_DESC was not accepted",
});

export const PACKED_INDIRECT_NEXT = chainFaultRule({
  id: "packed-indirect-next",
  clauses: [`${INDIRECT}#4`],
  level: "violation",
  section: "virtio 1.4, 2.8.7.1",
  title: "A descriptor with INDIRECT stands alone: it is no part of a list",
  hint: "The table holds all buffers; neither it nor the descriptor before it has NEXT.",
  ring: "packed",
  kinds: ["indirect-next"],
  expected: "one descriptor with INDIRECT, without NEXT",
});

export const PACKED_INDIRECT_LENGTH = chainFaultRule({
  id: "packed-indirect-length",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.8.7",
  title: "The length of an indirect table is 16 bytes for each of its descriptors",
  hint: "len is in bytes: 16 times the number of entries.",
  ring: "packed",
  kinds: ["indirect-length"],
  expected: "a multiple of 16, at least 16",
});

export const PACKED_DESCRIPTOR_FLAGS = chainFaultRule({
  id: "packed-descriptor-flags",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.8.13",
  title: "A packed descriptor's flags are NEXT, WRITE, INDIRECT, AVAIL and USED, and nothing else",
  hint:
    "NEXT is 1, WRITE 2, INDIRECT 4, AVAIL 0x80, USED 0x8000. Bytes in the wrong order show as 0x100, 0x200.",
  ring: "packed",
  kinds: ["flags"],
  expected: "flags of NEXT, WRITE, INDIRECT, AVAIL and USED",
});

export const PACKED_EMPTY_BUFFER = chainFaultRule({
  id: "packed-empty-buffer",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.8.13",
  title: "A buffer has at least one byte",
  hint:
    "Was the descriptor filled before its flags were written? QEMU gives the device up at a buffer of length 0.",
  ring: "packed",
  kinds: ["empty"],
  expected: "a length of at least 1",
});

export const PACKED_CHAIN_BYTES = chainFaultRule({
  id: "packed-chain-bytes",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.8.19",
  title: "All buffers of a list together have at most 2^32 bytes: the device counts them in 32 bits",
  hint: "Is a length negative, or an address where the length belongs?",
  ring: "packed",
  kinds: ["too-long"],
  expected: "at most 4294967296 bytes in a list",
});

/** The only way to tell chains in flight apart. */
export const PACKED_BUFFER_ID = chainFaultRule({
  id: "packed-buffer-id",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.8.13",
  title: "Buffer ids tell chains in flight apart: no two have the same",
  hint:
    "The device names a used buffer by the id of the last descriptor of its list. An id is free again when the device " +
    "has named it.",
  ring: "packed",
  kinds: ["shared"],
  expected: "an id that no chain in flight has",
});

/** Entries of a table of the packed ring mean something by WRITE alone. */
export const PACKED_INDIRECT_FLAGS: Rule = {
  id: "packed-indirect-flags",
  clauses: [`${INDIRECT}#2`],
  level: "violation",
  section: "virtio 1.4, 2.8.7.1",
  title: "In an indirect table of a packed ring WRITE is the only flag",
  hint:
    "The length of the table says how many entries it has: they carry no NEXT, as they do in a split ring, and " +
    "neither AVAIL nor USED.",
  watch: (scene) => ({
    published(queue, chain) {
      const { table } = chain;
      if (table === undefined || queue.ring?.kind !== "packed") return;
      const wrong = chain.segments.find((s) =>
        s.descriptor >= table.address && s.descriptor < table.address + table.length &&
        (s.flags & ~DescF.WRITE) !== 0
      );
      if (wrong === undefined) return;
      scene.report({
        device: queue.device,
        queue,
        found:
          `${chainName(queue, chain)}: entry ${
            (wrong.descriptor - table.address) / 16
          } of the indirect table ` +
          `has flags ${hex(wrong.flags)}`,
        expected: "0, or WRITE (2)",
        evidence: [descriptorAt(scene, queue, wrong.descriptor)],
        place: chain.place,
      });
    },
  }),
};

/** More entries in a table than the queue has descriptors. */
export const PACKED_CHAIN_LENGTH: Rule = {
  id: "packed-chain-length",
  clauses: [`${LISTS}#2`],
  level: "violation",
  section: "virtio 1.4, 2.8.19.1",
  title: "A buffer of a packed ring has at most as many elements as the ring has descriptors",
  hint: "A table saves places in the ring; it does not make longer lists legal.",
  watch: (scene) => ({
    published(queue, chain) {
      const { ring } = queue;
      if (ring?.kind !== "packed" || chain.table === undefined || chain.segments.length <= ring.size) return;
      const head = ring.addressOf("descriptor", chain.descriptors[0]);
      scene.report({
        device: queue.device,
        queue,
        found: `${
          chainName(queue, chain)
        } has ${chain.segments.length} elements, its table ${chain.table.length} bytes`,
        expected: `at most the ${ring.size} of the queue`,
        evidence: [descriptorAt(scene, queue, head + PackedDesc.ADDR)],
        place: chain.place,
      });
    },
  }),
};
