import { chainFaultRule } from "../memory/chain_fault.ts";

const DESCRIPTORS =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Descriptor Table";

/** The head, or a `next`, names a descriptor that the table does not have. */
export const SPLIT_CHAIN_INDEX = chainFaultRule({
  id: "split-chain-index",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.5",
  title: "Heads and next fields are indices of descriptors: below the queue size",
  hint:
    "Look at where indices are counted up: modulo the queue size, which is what was written to queue_size. A value " +
    "with its two bytes swapped was written big-endian.",
  ring: "split",
  kinds: ["index"],
  // A table too short for one entry has no first entry either.
  unless: (_fault, chain) => chain.faults.some((f) => f.kind === "indirect-length"),
  expected: "an index of a descriptor of the table",
});

/** A chain that comes back to itself. */
export const SPLIT_CHAIN_LOOP = chainFaultRule({
  id: "split-chain-loop",
  clauses: [`${DESCRIPTORS}#1`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.2",
  title: "A chain of descriptors ends: it never comes back to one of its own",
  hint:
    "The last descriptor of a chain has no NEXT. Is a flag or a next left over from the chain that used the " +
    "descriptor before?",
  ring: "split",
  kinds: ["loop"],
  expected: "a chain without a cycle, ended by a descriptor without NEXT",
});

/** More bytes than a device can count. */
export const SPLIT_CHAIN_BYTES = chainFaultRule({
  id: "split-chain-bytes",
  clauses: [`${DESCRIPTORS}#1`],
  level: "violation",
  section: "virtio 1.4, 2.7.5.2",
  title: "All buffers of a chain together have at most 2^32 bytes",
  hint: "Is a length negative, or an address where the length belongs?",
  ring: "split",
  kinds: ["too-long"],
  expected: "at most 4294967296 bytes in a chain",
});

/** A readable buffer behind a writable one. */
export const SPLIT_CHAIN_ORDER = chainFaultRule({
  id: "split-chain-order",
  clauses: ["drivernormative:Basic Facilities of a Virtio Device / Message Framing#1"],
  level: "violation",
  section: "virtio 1.4, 2.7.4.2",
  title: "In a chain, what the device reads stands before what it writes",
  hint: "Is WRITE set at the right buffers? It belongs to those that the device fills.",
  ring: "split",
  kinds: ["order"],
  expected: "readable descriptors first, then those with WRITE",
});

/** Flags that nobody knows. */
export const SPLIT_DESCRIPTOR_FLAGS = chainFaultRule({
  id: "split-descriptor-flags",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.5",
  title: "A split descriptor's flags are NEXT, WRITE and INDIRECT, and nothing else",
  hint:
    "NEXT is 1, WRITE 2, INDIRECT 4. AVAIL and USED belong to the packed ring; bytes in the wrong order show as " +
    "0x100, 0x200.",
  ring: "split",
  kinds: ["flags"],
  expected: "flags of NEXT (1), WRITE (2) and INDIRECT (4)",
});

/** An empty buffer. */
export const SPLIT_EMPTY_BUFFER = chainFaultRule({
  id: "split-empty-buffer",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.5",
  title: "A buffer has at least one byte",
  hint:
    "Was the descriptor filled before its index was put into the available ring? QEMU gives the device up at a " +
    "buffer of length 0.",
  ring: "split",
  kinds: ["empty"],
  expected: "a length of at least 1",
});

/** A descriptor that belongs to another chain in flight. */
export const SPLIT_DESCRIPTOR_SHARED = chainFaultRule({
  id: "split-descriptor-shared",
  clauses: ["drivernormative:General Initialization And Device Operation / Device Cleanup#1"],
  level: "violation",
  section: "virtio 1.4, 3.3.1",
  title: "A descriptor belongs to one chain: until the device has used that, no other chain has it",
  hint:
    "Descriptors become free by the id in the used ring, which names the head of the chain, not by the position " +
    "in the ring. Are all descriptors of a chain taken from the free list, and given back once?",
  ring: "split",
  kinds: ["shared"],
  expected: "descriptors that no chain in flight has",
});
