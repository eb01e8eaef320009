import { assertEquals, assertMatch } from "@std/assert";
import { F } from "../../../../spec/virtio/features.ts";
import { Avail, Used } from "../../../../spec/virtio/split.ts";
import { Bench, le16 } from "../memory/bench.ts";
import { splitCases } from "../memory/cases.ts";
import { SplitHand } from "../memory/split_hand.ts";

splitCases([
  {
    rule: "split-available-index",
    what: "the index goes back to 0 at the queue size",
    found: /went from 8 to 0: back by 8|went from 7 to 0: back by 7/,
    run(q, wrong) {
      for (let i = 0; i < 8; i++) {
        q.use(q.submit(q.bench.readable()));
        q.take();
      }
      q.entry(q.chain([q.bench.readable()]));
      if (wrong) q.availIdx = 0;
      q.publish();
    },
  },
  {
    rule: "split-available-index",
    what: "the index written big-endian",
    found: /went from 0 to 256: on by 256/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.readable()]));
      if (wrong) q.availIdx = 0x100;
      q.publish();
    },
  },
  {
    rule: "split-entry-before-index",
    what: "the index, then the entry",
    found: /entry 1 of the available ring became 1 when the index, 2, already made it visible/,
    // What stands in the entry meanwhile is 0: the first chain again.
    also: ["split-descriptor-shared"],
    run(q, wrong) {
      q.submit(q.bench.readable());
      const head = q.chain([q.bench.readable()]);
      if (!wrong) q.entry(head);
      else q.availIdx++;
      q.publish();
      if (!wrong) return;
      q.availIdx--;
      q.entry(head);
    },
  },
  {
    rule: "split-available-flags",
    what: "all ones for no interrupts",
    found: /flags of the available ring are 0xffff/,
    run: (q, wrong) => q.memory.writeU16(q.avail, wrong ? 0xffff : 1),
  },
  {
    rule: "split-flags-with-event-idx",
    what: "NO_INTERRUPT though EVENT_IDX was negotiated",
    features: F.EVENT_IDX,
    found: /flags of the available ring are 0x1/,
    run(q, wrong) {
      if (wrong) q.memory.writeU16(q.avail, 1);
      else q.memory.writeU16(q.usedEventAt, 0xffff);
    },
  },
  {
    rule: "split-descriptor-in-flight",
    what: "the entry's position is freed in place of its id",
    found: /descriptor 0 was written .* which belongs to the chain of head 0, in flight/,
    also: ["split-descriptor-shared"],
    run(q, wrong) {
      const heads = [q.submit(q.bench.readable()), q.submit(q.bench.readable())];
      // The second comes back first.
      q.use(heads[1]);
      q.take();
      if (wrong) {
        q.chains.delete(heads[0]);
        q.free.unshift(heads[0]);
      }
      q.submit(q.bench.readable(48));
    },
  },
  {
    rule: "split-write-barrier",
    what: "no barrier before the index",
    found: /the chain of head 0: descriptor 0 was written after the last write barrier/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.readable()]));
      if (!wrong) q.bench.barrier("write");
      q.index();
      q.kick();
    },
  },
  {
    rule: "split-write-barrier",
    what: "the entry after the barrier",
    found: /available ring entry 0 was written after the last write barrier/,
    run(q, wrong) {
      const head = q.chain([q.bench.readable()]);
      if (wrong) q.bench.barrier("write");
      q.entry(head);
      if (!wrong) q.bench.barrier("write");
      q.index();
      q.kick();
    },
  },
  {
    rule: "split-write-barrier",
    what: "a read barrier in its place",
    found: /written after the last write barrier/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.readable()]));
      q.bench.barrier(wrong ? "read" : "general");
      q.index();
      q.kick();
    },
  },
  {
    rule: "split-write-barrier",
    what: "the data after the barrier",
    found: /the buffer of 32 bytes at 0x\w+ was written after the last write barrier/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      q.entry(q.chain([buffer]));
      q.bench.barrier("write");
      if (wrong) q.memory.writeU32(buffer.address, 1);
      q.index();
      q.kick();
    },
  },
  {
    rule: "split-full-barrier",
    what: "a write barrier before flags are read",
    found: /flags of the used ring were read after the available index became 1, with no general barrier/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.readable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.barrier(wrong ? "write" : "general");
      if (q.wanted()) q.bench.notify();
    },
  },
  {
    rule: "split-full-barrier",
    what: "no barrier before avail_event is read",
    features: F.EVENT_IDX,
    found: /avail_event was read after/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.readable()]));
      q.bench.barrier("write");
      q.index();
      if (!wrong) q.bench.barrier("general");
      if (q.wanted()) q.bench.notify();
    },
  },
  {
    rule: "split-read-barrier",
    what: "no barrier behind the used index",
    found: /entry 0 of the used ring was read after the used index, 1, with no read barrier/,
    run(q, wrong) {
      q.use(q.submit(q.bench.readable()));
      if (wrong) {
        q.memory.readU16(q.used + Used.IDX);
        q.takeEntry();
      } else q.take();
    },
  },
  {
    rule: "split-read-barrier",
    what: "the barrier stands before the load of the index",
    found: /entry 1 of the used ring was read after the used index, 2/,
    run(q, wrong) {
      const heads = [q.submit(q.bench.readable()), q.submit(q.bench.readable())];
      q.use(heads[0]);
      q.take();
      q.use(heads[1]);
      if (wrong) q.bench.barrier("read");
      q.memory.readU16(q.used + Used.IDX);
      if (!wrong) q.bench.barrier("read");
      q.takeEntry();
    },
  },
]);

Deno.test("entries that one look at the used index covers need one barrier", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  const heads = [q.submit(q.bench.readable()), q.submit(q.bench.readable()), q.submit(q.bench.readable())];
  for (const head of heads) q.use(head);
  q.take();
  // Looks again, and sees no more than it knew.
  q.memory.readU16(q.used + Used.IDX);
  q.takeEntry();
  q.takeEntry();
  assertEquals(q.bench.broken, []);
});

for (const field of ["FLAGS", "IDX"] as const) {
  const rule = field === "FLAGS" ? "split-used-flags-start" : "split-used-index-start";
  Deno.test(`${rule}: the used ring of the life before`, () => {
    const q = new SplitHand(new Bench(F.VERSION_1), 8, false);
    q.bench.ram.set(le16(1), q.used + Used[field]);
    q.enable();
    assertEquals(q.bench.broken, [rule]);
    const clean = new SplitHand(new Bench(F.VERSION_1), 8, false);
    clean.enable();
    assertEquals(clean.bench.broken, []);
  });
}

Deno.test("split-available-index-start: the available ring of the life before", () => {
  for (const wrong of [true, false]) {
    const q = new SplitHand(new Bench(F.VERSION_1), 8, false);
    q.bench.ram.set(le16(wrong ? 300 : 0), q.avail + Avail.IDX);
    q.enable();
    assertEquals(q.bench.broken, wrong ? ["split-available-index-start"] : []);
  }
});

Deno.test("an available ring that is full is filled again from its first entry", () => {
  const q = new SplitHand(new Bench(F.VERSION_1), 4);
  const heads = Array.from({ length: 4 }, () => q.submit(q.bench.readable()));
  // Out of order: the first stays with the device while its entry is used again.
  for (const head of heads.slice(1)) q.use(head);
  for (let i = 0; i < 3; i++) q.take();
  for (let i = 0; i < 3; i++) q.submit(q.bench.readable());
  assertEquals(q.bench.broken, []);
  assertEquals(q.memory.readU16(q.avail + Avail.IDX), 7);
});

Deno.test("an index out of the table: the evidence is who named it", () => {
  const head = new SplitHand(new Bench(F.VERSION_1));
  head.entry(9);
  head.publish();
  const next = new SplitHand(new Bench(F.VERSION_1));
  const { address, length } = next.bench.readable();
  next.descriptor(0, address, length, 1, 300);
  next.entry(0);
  next.publish();
  const shown = [head, next].map(({ bench }) =>
    bench.reports[0].evidence.map((e) => `${e.what}: ${e.value}`)
  );
  assertEquals(shown[0], ["available ring entry 0: 0900"]);
  assertEquals(shown[1].length, 1);
  assertMatch(shown[1][0], /^descriptor 0: [0-9a-f]{24}01002c01$/);
});
