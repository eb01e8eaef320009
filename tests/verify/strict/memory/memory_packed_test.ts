import { assert, assertEquals } from "@std/assert";
import { F } from "../../../../spec/virtio/features.ts";
import { Used } from "../../../../spec/virtio/split.ts";
import { Bench, le16, le32 } from "./bench.ts";
import { packedCases } from "./cases.ts";
import { SplitHand } from "./split_hand.ts";

/** Memory rules on packed rings, and of what they say nothing. */

packedCases([
  {
    rule: "buffer-taken-unseen",
    what: "the buffer is written without a look at the ring",
    found: /the driver wrote 1 byte at 0x\w+, in a readable buffer of buffer 1: it came back/,
    run(q, wrong) {
      const buffers = [q.bench.readable(), q.bench.readable()];
      const ids = buffers.map((b) => q.submit(b));
      for (const id of ids) q.use(id);
      q.take();
      // The second is another descriptor: it has to be looked at, too.
      if (!wrong) q.take();
      q.memory.writeU8(buffers[1].address, 1);
    },
  },
  {
    rule: "device-writes-outside",
    what: "a used descriptor where no chain is",
    found: /descriptor 1 of .* queue 0, which is the driver's now/,
    run(q, wrong) {
      const id = q.submit(q.bench.readable());
      if (wrong) q.bench.deviceWrites(q.at(1) + 8, le32(0));
      q.use(id);
    },
  },
  {
    rule: "descriptor-reused-unseen",
    what: "room is not counted, and a fast device hides it",
    size: 2,
    found: /has descriptor 0, which came back from the device unseen/,
    run(q, wrong) {
      for (let i = 0; i < 3; i++) {
        const id = q.submit(q.bench.readable(16 + i));
        q.use(id);
        if (!wrong) q.take();
      }
    },
  },
  {
    rule: "order-platform-barriers",
    what: "smp barriers before flags",
    features: F.ORDER_PLATFORM,
    found: /descriptor 0 was written after the last write barrier that devices heed/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.readable()]);
      if (wrong) q.memory.barrier(1);
      else q.bench.barrier("write");
      q.flags(slot, flags);
      q.kick();
    },
  },
  {
    rule: "order-platform-barriers",
    what: "an smp barrier behind the flags of a used descriptor",
    features: F.ORDER_PLATFORM,
    found: /id or length were read of descriptor 0, with only a barrier for CPUs/,
    run(q, wrong) {
      q.use(q.submit(q.bench.readable()));
      q.isUsed();
      if (wrong) q.memory.barrier(0);
      else q.bench.barrier("read");
      q.takeDescriptor();
    },
  },
  {
    rule: "device-used-length",
    what: "the device reports more than there is room for",
    found: /the device reports 33 bytes in 0/,
    run: (q, wrong) => q.use(q.submit(q.bench.writable(32)), wrong ? 33 : 32),
  },
  {
    rule: "buffer-not-in-ram",
    what: "a virtual address",
    found: /is not in RAM/,
    run(q, wrong) {
      const { address, length } = q.bench.readable();
      q.submit({ address: wrong ? address + 2 ** 45 : address, length });
    },
  },
]);

Deno.test("a device is not held responsible for a ring that its driver has spoilt", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  q.submit(q.bench.readable());
  // The same descriptor again, as another chain: the device gives both back.
  q.entry(0);
  q.publish();
  q.use(0);
  q.use(0);
  assertEquals(q.bench.broken, ["split-descriptor-shared"]);
});

Deno.test("memory of a driver that allocates by itself is not called unallocated", () => {
  const bench = new Bench(F.VERSION_1);
  // Nobody tells of allocations here.
  bench.allocate = (() => {
    let next = 0x10_0000;
    return (length: number) => (next += 0x1000 * Math.ceil(length / 4096)) - 0x1000;
  })();
  const q = new SplitHand(bench);
  q.submit(q.bench.readable());
  assertEquals(bench.broken, []);
});

Deno.test("what a real device did is not judged by what the simulator would know", () => {
  const q = new SplitHand(new Bench(F.VERSION_1, "qemu"));
  const head = q.submit(q.bench.readable());
  // Only the driver's look shows what came back.
  q.bench.ram.set([...le32(head), ...le32(0)], q.used + Used.RING);
  q.bench.ram.set(le16(1), q.used + Used.IDX);
  assert(q.take() !== undefined);
  q.submit(q.bench.readable());
  assertEquals(q.bench.broken, []);
});
