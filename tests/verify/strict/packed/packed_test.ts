import { assertEquals } from "@std/assert";
import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr, PackedDesc, PackedDescF } from "../../../../spec/virtio/packed.ts";
import { DescF } from "../../../../spec/virtio/split.ts";
import { Bench, type Buffer } from "../memory/bench.ts";
import { packedCases } from "../memory/cases.ts";
import { PackedHand } from "../memory/packed_hand.ts";

/** Publishes one descriptor with these flags besides those of the wrap counter. */
function single(q: PackedHand, address: number, length: number, flags: number): void {
  const { ownership } = q;
  const slot = q.advance();
  const id = q.freeIds.shift()!;
  q.chains.set(id, 1);
  q.body(slot, address, length, id);
  q.bench.barrier("write");
  q.flags(slot, flags | ownership);
  q.kick();
}
/** An indirect table of these buffers with further flags. */
function table(q: PackedHand, buffers: readonly Buffer[], more = 0): number {
  const at = q.bench.allocate(16 * buffers.length, "table");
  buffers.forEach((b, i) => {
    q.bench.write64(at + 16 * i, b.address);
    q.memory.writeU32(at + 16 * i + 8, b.length);
    q.memory.writeU32(at + 16 * i + 12, (((b.writable ? DescF.WRITE : 0) | more) << 16) >>> 0);
  });
  return at;
}
/** Fills the ring, and gives everything back: the next lap begins. */
function lap(q: PackedHand): void {
  for (let i = 0; i < q.size; i++) {
    q.use(q.submit(q.bench.readable()));
    q.take();
  }
}

packedCases([
  {
    rule: "packed-chain-order",
    what: "the answer before the request",
    found: /a readable buffer stands behind a writable one/,
    run(q, wrong) {
      const [a, b] = [q.bench.readable(), q.bench.writable()];
      if (wrong) q.submit(b, a);
      else q.submit(a, b);
    },
  },
  {
    rule: "packed-chain-loop",
    what: "every descriptor of the ring has NEXT",
    found: /more than the ring's 8 descriptors/,
    run(q, wrong) {
      const { ownership } = q;
      for (let i = 0; i < 8; i++) {
        const { address, length } = q.bench.readable();
        const slot = q.advance();
        q.body(slot, address, length, 0);
        if (slot > 0) q.flags(slot, ownership | (wrong || slot < 7 ? DescF.NEXT : 0));
      }
      q.bench.barrier("write");
      q.flags(0, ownership | DescF.NEXT);
      q.kick();
    },
  },
  {
    rule: "packed-indirect-feature",
    what: "a table without the feature",
    found: /INDIRECT without VIRTIO_F_INDIRECT_DESC/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      if (wrong) single(q, table(q, [buffer]), 16, DescF.INDIRECT);
      else q.submit(buffer);
    },
  },
  {
    rule: "packed-indirect-next",
    what: "a table at the end of a list",
    features: F.INDIRECT_DESC,
    found: /part of a longer chain/,
    run(q, wrong) {
      const at = table(q, [q.bench.readable()]);
      if (!wrong) return single(q, at, 16, DescF.INDIRECT);
      const { address, length } = q.bench.readable();
      const { ownership } = q;
      const [first, second] = [q.advance(), q.advance()];
      q.body(first, address, length, 0);
      q.body(second, at, 16, 0);
      q.flags(second, ownership | DescF.INDIRECT);
      q.bench.barrier("write");
      q.flags(first, ownership | DescF.NEXT);
      q.kick();
    },
  },
  {
    rule: "packed-indirect-length",
    what: "the number of entries in place of bytes",
    features: F.INDIRECT_DESC,
    found: /a table of 2 bytes/,
    run(q, wrong) {
      const at = table(q, [q.bench.readable(), q.bench.readable()]);
      single(q, at, wrong ? 2 : 32, DescF.INDIRECT);
    },
  },
  {
    rule: "packed-indirect-flags",
    what: "entries linked as in a split ring",
    features: F.INDIRECT_DESC,
    found: /entry 0 of the indirect table has flags 0x1/,
    run(q, wrong) {
      const at = table(q, [q.bench.readable(), q.bench.readable()], wrong ? DescF.NEXT : 0);
      single(q, at, 32, DescF.INDIRECT);
    },
  },
  {
    rule: "packed-indirect-flags",
    what: "a table that names a table",
    features: F.INDIRECT_DESC,
    found: /entry 0 of the indirect table has flags 0x4/,
    run(q, wrong) {
      const inner = table(q, [q.bench.readable()]);
      const outer = table(q, [{ address: inner, length: 16 }], wrong ? DescF.INDIRECT : 0);
      single(q, outer, 16, DescF.INDIRECT);
    },
  },
  {
    rule: "packed-chain-length",
    what: "a table with more entries than the queue",
    features: F.INDIRECT_DESC,
    found: /has 9 elements, its table 144 bytes/,
    run(q, wrong) {
      const buffers = Array.from({ length: wrong ? 9 : 8 }, () => q.bench.readable());
      single(q, table(q, buffers), 16 * buffers.length, DescF.INDIRECT);
    },
  },
  {
    rule: "packed-descriptor-flags",
    what: "WRITE with its bytes swapped",
    found: /flags are 0x280/,
    run(q, wrong) {
      const { address, length } = q.bench.readable();
      single(q, address, length, wrong ? 0x200 : 0);
    },
  },
  {
    rule: "packed-empty-buffer",
    what: "no length",
    found: /a buffer of length 0/,
    run: (q, wrong) => single(q, q.bench.writable().address, wrong ? 0 : 32, DescF.WRITE),
  },
  {
    rule: "packed-chain-bytes",
    what: "two buffers of 2^32 - 1 bytes",
    found: /8589934590 bytes in one chain/,
    also: ["buffer-not-in-ram"],
    run(q, wrong) {
      const [a, b] = [q.bench.writable(), q.bench.writable()];
      q.submit(wrong ? { ...a, length: 0xffff_ffff } : a, wrong ? { ...b, length: 0xffff_ffff } : b);
    },
  },
  {
    rule: "packed-buffer-id",
    what: "the id of a chain in flight again",
    found: /buffer id 0 is that of another chain in flight/,
    run(q, wrong) {
      q.submit(q.bench.readable());
      if (wrong) q.freeIds.unshift(0);
      q.submit(q.bench.readable());
    },
  },
  {
    rule: "packed-wrap",
    what: "the second descriptor's AVAIL is clear",
    found: /descriptor 1 of the chain has flags 0x0: not available in this lap/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.readable(), q.bench.readable()]);
      if (wrong) q.flags(1, 0);
      q.bench.barrier("write");
      q.flags(slot, flags);
      q.kick();
    },
  },
  {
    rule: "packed-wrap",
    what: "a list over the end of the ring with one wrap counter",
    found: /descriptor 0 of the chain has flags 0x\w+: not available in this lap/,
    run(q, wrong) {
      lap(q);
      for (let i = 0; i < 7; i++) {
        q.use(q.submit(q.bench.readable()));
        q.take();
      }
      const { slot, flags } = q.chain([q.bench.readable(), q.bench.readable()]);
      if (wrong) q.flags(0, PackedDescF.USED);
      q.bench.barrier("write");
      q.flags(slot, flags);
      q.kick();
    },
  },
  {
    rule: "packed-wrap",
    what: "NEXT in the last descriptor",
    found: /descriptor 2 of the chain has flags 0x0/,
    // What stands there was never filled.
    also: ["packed-empty-buffer"],
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.readable(), q.bench.readable()]);
      if (wrong) q.flags(1, PackedDescF.AVAIL | DescF.NEXT);
      q.bench.barrier("write");
      q.flags(slot, flags);
      q.kick();
    },
  },
  {
    rule: "packed-head-last",
    what: "the first descriptor before the second",
    found: /descriptor 1 was written after descriptor 0, the first of the list/,
    also: ["packed-empty-buffer"],
    run(q, wrong) {
      const [a, b] = [q.bench.readable(), q.bench.readable()];
      const head = () => {
        q.body(0, a.address, a.length, 0);
        q.bench.barrier("write");
        q.flags(0, PackedDescF.AVAIL | DescF.NEXT);
      };
      if (wrong) head();
      q.body(1, b.address, b.length, 0);
      q.flags(1, PackedDescF.AVAIL);
      if (!wrong) head();
      q.kick();
    },
  },
  {
    rule: "packed-used-early",
    what: "AVAIL and USED are compared with each other, not with the wrap counter",
    size: 4,
    found:
      /id or length of descriptor 1 were read after its flags, 0x8080, which the device has not written in this lap/,
    run(q, wrong) {
      lap(q);
      q.use(q.submit(q.bench.readable()));
      q.take();
      // Of the lap before: used then, and not again.
      const flags = q.memory.readU16(q.at(1) + PackedDesc.FLAGS);
      q.bench.barrier("read");
      if (wrong && (flags & 0x8080) === 0x8080) q.memory.readU16(q.at(1) + PackedDesc.ID);
    },
  },
  {
    rule: "packed-not-available",
    what: "the wrap counter starts at 0",
    found: /descriptor 0, the next of .* queue 0, has flags 0x8000 when the device was notified/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.readable()]);
      q.bench.barrier("write");
      q.flags(slot, wrong ? PackedDescF.USED : flags);
      q.kick();
    },
  },
  {
    rule: "packed-not-available",
    what: "the wrap counter does not change at the end of the ring",
    found:
      /descriptor 0, .* has flags 0x80 when the CPU went idle: it is not available in this lap, whose wrap counter is 0/,
    run(q, wrong) {
      lap(q);
      const { slot, flags } = q.chain([q.bench.readable()]);
      q.bench.barrier("write");
      q.flags(slot, wrong ? PackedDescF.AVAIL : flags);
      if (!wrong) q.kick();
      q.bench.idle();
    },
  },
  {
    rule: "packed-no-room",
    what: "a ring that is full gets one more",
    size: 4,
    found: /descriptor 0 was written, but the device holds 4 of 4 descriptors/,
    also: ["packed-buffer-id"],
    run(q, wrong) {
      for (let i = 0; i < 4; i++) q.submit(q.bench.readable());
      if (!wrong) return;
      q.freeIds.push(0);
      q.submit(q.bench.readable(48));
    },
  },
  {
    rule: "packed-no-room",
    what: "a list longer than what is free",
    size: 4,
    found: /descriptor 0 was written, but the device holds 3 of 4 descriptors/,
    run(q, wrong) {
      for (let i = 0; i < 3; i++) q.submit(q.bench.readable());
      if (wrong) q.submit(q.bench.readable(48), q.bench.readable(48));
      else q.submit(q.bench.readable(48));
    },
  },
  {
    rule: "packed-descriptor-in-flight",
    what: "the length of a descriptor in flight changes",
    found: /descriptor 0 was written \(4 bytes at 0x\w+\), which is available to the device/,
    run(q, wrong) {
      q.submit(q.bench.readable());
      if (wrong) q.memory.writeU32(q.at(0) + PackedDesc.LEN, 16);
    },
  },
  {
    rule: "packed-driver-event",
    what: "1 and 2 ored together",
    features: F.EVENT_IDX,
    found: /flags of the driver event structure are 0x3/,
    run: (q, wrong) => q.memory.writeU16(q.driverEvent + EventSuppr.FLAGS, wrong ? 3 : 2),
  },
  {
    rule: "packed-driver-event",
    what: "an event without EVENT_IDX",
    found: /are 2: an interrupt at one descriptor/,
    run: (q, wrong) => q.memory.writeU16(q.driverEvent + EventSuppr.FLAGS, wrong ? 2 : 1),
  },
  {
    rule: "packed-driver-event",
    what: "an event behind the ring",
    features: F.EVENT_IDX,
    found: /asks for an interrupt at descriptor 8/,
    run(q, wrong) {
      q.memory.writeU16(q.driverEvent, 1 << 15 | (wrong ? 8 : 7));
      q.memory.writeU16(q.driverEvent + EventSuppr.FLAGS, 2);
    },
  },
  {
    rule: "packed-write-barrier",
    what: "no barrier before the flags",
    found: /buffer 0: descriptor 0 was written after the last write barrier/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.readable()]);
      if (!wrong) q.bench.barrier("write");
      q.flags(slot, flags);
      q.kick();
    },
  },
  {
    rule: "packed-write-barrier",
    what: "the whole descriptor in one go",
    found: /descriptor 0 was written after the last write barrier/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.readable()]);
      q.bench.barrier("write");
      const bytes = q.bench.ram.slice(q.at(slot), q.at(slot) + 16);
      new DataView(bytes.buffer).setUint16(PackedDesc.FLAGS, flags, true);
      if (wrong) q.memory.writeBytes(q.at(slot), bytes);
      else q.flags(slot, flags);
      q.kick();
    },
  },
  {
    rule: "packed-full-barrier",
    what: "a write barrier before the device event is read",
    found: /the device event structure was read after descriptors up to position 1 became available/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.readable()]);
      q.bench.barrier("write");
      q.flags(slot, flags);
      q.bench.barrier(wrong ? "write" : "general");
      if (q.wanted()) q.bench.notify();
    },
  },
  {
    rule: "packed-read-barrier",
    what: "no barrier behind the flags",
    found: /flags, and then id or length were read of descriptor 0, with no read barrier/,
    run(q, wrong) {
      q.use(q.submit(q.bench.readable()));
      if (!wrong) return void q.take();
      q.isUsed();
      q.takeDescriptor();
    },
  },
]);

Deno.test("a packed ring whose chains come back out of order is used again where the device wrote", () => {
  const q = new PackedHand(new Bench(F.VERSION_1 | F.RING_PACKED), 4);
  const ids = Array.from({ length: 4 }, () => q.submit(q.bench.readable()));
  // The third comes back first: the device writes that over descriptor 0, which it has read.
  q.use(ids[2]);
  q.take();
  q.submit(q.bench.readable(48));
  assertEquals(q.bench.broken, []);
  assertEquals([...q.bench.strict.model.devices[0].queues.get(0)!.ring!.inFlight.keys()].sort(), [
    0,
    1,
    2,
    3,
  ]);
});

Deno.test("a packed ring goes round three times with lists of all lengths", () => {
  const q = new PackedHand(new Bench(F.VERSION_1 | F.RING_PACKED), 5);
  for (let i = 0; i < 20; i++) {
    q.use(q.submit(...Array.from({ length: 1 + i % 5 }, () => q.bench.readable())));
    q.take();
  }
  assertEquals(q.bench.broken, []);
});

Deno.test("a real device that is quicker than the look at its ring: what it used was published", () => {
  const bench = new Bench(F.VERSION_1 | F.RING_PACKED, "qemu");
  const q = new PackedHand(bench);
  // Whatever becomes available is used at once, in the store itself.
  bench.quick = (address, value) => {
    if (address !== q.at(0) + PackedDesc.FLAGS || value !== PackedDescF.AVAIL) return;
    bench.ram.set([0, 0, 0, 0, 0, 0, 0x80, 0x80], q.at(0) + PackedDesc.LEN);
  };
  q.submit(bench.readable());
  assertEquals(q.take(), [0, 0]);
  q.submit(bench.readable());
  const { ring } = bench.strict.model.devices[0].queues.get(0)!;
  assertEquals([ring!.published, ring!.used, ring!.inFlight.size], [2, 1, 1]);
  assertEquals(bench.broken, []);
});
