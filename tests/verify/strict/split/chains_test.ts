import { F } from "../../../../spec/virtio/features.ts";
import { DescF } from "../../../../spec/virtio/split.ts";
import { splitCases } from "../memory/cases.ts";
import type { Buffer } from "../memory/bench.ts";
import type { SplitHand } from "../memory/split_hand.ts";

/** Publishes a chain whose only descriptor is this. */
function single(q: SplitHand, address: number, length: number, flags: number): void {
  q.descriptor(0, address, length, flags);
  q.entry(0);
  q.publish();
}
/** An indirect table of these buffers; `edit` changes flags and next of an entry. */
function table(
  q: SplitHand,
  buffers: readonly Buffer[],
  edit = (_i: number, flags: number, next: number): [number, number] => [flags, next],
): number {
  const at = q.bench.allocate(16 * buffers.length, "table");
  buffers.forEach((b, i) => {
    const more = i + 1 < buffers.length;
    const [flags, next] = edit(
      i,
      (b.writable ? DescF.WRITE : 0) | (more ? DescF.NEXT : 0),
      more ? i + 1 : 0,
    );
    q.bench.write64(at + 16 * i, b.address);
    q.memory.writeU32(at + 16 * i + 8, b.length);
    q.memory.writeU16(at + 16 * i + 12, flags);
    q.memory.writeU16(at + 16 * i + 14, next);
  });
  return at;
}

splitCases([
  {
    rule: "split-chain-index",
    what: "a head with its bytes swapped",
    found: /the head is 256 in a table of 8/,
    run(q, wrong) {
      const { address, length } = q.bench.readable();
      q.descriptor(1, address, length, 0);
      q.entry(wrong ? 0x100 : 1);
      q.publish();
    },
  },
  {
    rule: "split-chain-index",
    what: "next is the queue size",
    found: /next is 8 in a table of 8/,
    run(q, wrong) {
      const [a, b] = [q.bench.readable(), q.bench.readable()];
      q.descriptor(7, a.address, a.length, DescF.NEXT, wrong ? 8 : 0);
      q.descriptor(0, b.address, b.length, 0);
      q.entry(7);
      q.publish();
    },
  },
  {
    rule: "split-chain-loop",
    what: "the last descriptor keeps a NEXT of the chain before",
    found: /comes back to descriptor 0/,
    run(q, wrong) {
      const [a, b] = [q.bench.readable(), q.bench.readable()];
      q.descriptor(0, a.address, a.length, DescF.NEXT, 1);
      q.descriptor(1, b.address, b.length, wrong ? DescF.NEXT : 0, 0);
      q.entry(0);
      q.publish();
    },
  },
  {
    rule: "split-chain-bytes",
    what: "two buffers of 2^32 - 1 bytes",
    found: /8589934590 bytes in one chain/,
    // So much RAM is not there.
    also: ["buffer-not-in-ram"],
    run(q, wrong) {
      const [a, b] = [q.bench.writable(), q.bench.writable()];
      q.submit(wrong ? { ...a, length: 0xffff_ffff } : a, wrong ? { ...b, length: 0xffff_ffff } : b);
    },
  },
  {
    rule: "split-chain-order",
    what: "the answer before the request",
    found: /a readable buffer stands behind a writable one/,
    run(q, wrong) {
      const [a, b] = [q.bench.readable(), q.bench.writable()];
      if (wrong) q.submit(b, a);
      else q.submit(a, b);
    },
  },
  {
    rule: "split-descriptor-flags",
    what: "flags written big-endian",
    found: /flags are 0x200/,
    run(q, wrong) {
      const { address, length } = q.bench.readable();
      single(q, address, length, wrong ? 0x200 : 0);
    },
  },
  {
    rule: "split-empty-buffer",
    what: "a descriptor without a length",
    found: /a buffer of length 0/,
    run: (q, wrong) => single(q, q.bench.writable().address, wrong ? 0 : 32, DescF.WRITE),
  },
  {
    rule: "split-descriptor-shared",
    what: "the same head twice",
    found: /descriptor 0 belongs to the chain of head 0, which is in flight/,
    run(q, wrong) {
      const head = q.submit(q.bench.readable());
      q.entry(wrong ? head : q.chain([q.bench.readable()]));
      q.publish();
    },
  },
  {
    rule: "split-indirect-feature",
    what: "a table without the feature",
    found: /INDIRECT without VIRTIO_F_INDIRECT_DESC/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      if (wrong) single(q, table(q, [buffer]), 16, DescF.INDIRECT);
      else q.submit(buffer);
    },
  },
  {
    rule: "split-indirect-nested",
    what: "a table in a table",
    features: F.INDIRECT_DESC,
    found: /a table of descriptors names another table/,
    run(q, wrong) {
      const inner = table(q, [q.bench.readable()]);
      const outer = wrong
        ? table(q, [{ address: inner, length: 16 }], (_i, _f, next) => [DescF.INDIRECT, next])
        : inner;
      single(q, outer, 16, DescF.INDIRECT);
    },
  },
  {
    rule: "split-indirect-next",
    what: "INDIRECT goes on",
    features: F.INDIRECT_DESC,
    found: /INDIRECT and NEXT in one descriptor/,
    run(q, wrong) {
      const at = table(q, [q.bench.readable()]);
      const more = q.bench.readable();
      q.descriptor(0, at, 16, DescF.INDIRECT | (wrong ? DescF.NEXT : 0), wrong ? 1 : 0);
      q.descriptor(1, more.address, more.length, 0);
      q.entry(0);
      q.publish();
    },
  },
  {
    rule: "split-indirect-length",
    what: "the number of entries in place of bytes",
    features: F.INDIRECT_DESC,
    found: /a table of 2 bytes/,
    run(q, wrong) {
      const at = table(q, [q.bench.readable(), q.bench.readable()]);
      single(q, at, wrong ? 2 : 32, DescF.INDIRECT);
    },
  },
  {
    rule: "split-indirect-write",
    what: "WRITE at the descriptor of a table",
    features: F.INDIRECT_DESC,
    found: /INDIRECT and WRITE/,
    run: (q, wrong) =>
      single(q, table(q, [q.bench.writable()]), 16, DescF.INDIRECT | (wrong ? DescF.WRITE : 0)),
  },
  {
    rule: "split-chain-length",
    what: "a table with more entries than the queue",
    features: F.INDIRECT_DESC,
    found: /has 9 buffers/,
    run(q, wrong) {
      const buffers = Array.from({ length: wrong ? 9 : 8 }, () => q.bench.readable());
      single(q, table(q, buffers), 16 * buffers.length, DescF.INDIRECT);
    },
  },
  {
    rule: "split-in-order-next",
    what: "descriptors from a free list",
    features: F.IN_ORDER,
    found: /next of descriptor 0 is 2/,
    run(q, wrong) {
      const [a, b] = [q.bench.readable(), q.bench.readable()];
      const second = wrong ? 2 : 1;
      q.descriptor(0, a.address, a.length, DescF.NEXT, second);
      q.descriptor(second, b.address, b.length, 0);
      q.entry(0);
      q.publish();
    },
  },
  {
    rule: "split-in-order-table",
    what: "a table filled from its end",
    features: F.IN_ORDER | F.INDIRECT_DESC,
    found: /entry 2 of the indirect table stands at place 1/,
    run(q, wrong) {
      const buffers = [q.bench.readable(), q.bench.readable(), q.bench.readable()];
      const links = wrong ? [2, 0, 1] : [1, 2, 0];
      const at = table(q, buffers, (i) => [links[i] === 0 ? 0 : DescF.NEXT, links[i]]);
      single(q, at, 48, DescF.INDIRECT);
    },
  },
]);
