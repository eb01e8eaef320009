import { Avail } from "../../../spec/virtio/split.ts";
import { after, before, forgotten, type Mistake } from "../mistake.ts";
import type { RngStudent } from "../student/mod.ts";

const SPLIT = { rings: ["split"] } as const;
const swap16 = (value: number) => (value & 0xff) << 8 | value >>> 8 & 0xff;

/** The available and used rings of the split ring (virtio 1.4, 2.7.6, 2.7.8). */
export const SPLIT_MISTAKES: readonly Mistake[] = [
  {
    id: "split-index-before-entry",
    what: "the available index is raised before the entry is filled in",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const putEntry = r.putEntry.bind(r);
        r.putEntry = (head) => {
          r.memory.writeU16(r.avail.offset + Avail.IDX, r.availIdx + 1);
          putEntry(head);
        };
      }),
    expect: { rule: "split-entry-before-index" },
    also: ["split-write-barrier"],
  },
  {
    id: "split-entry-before-descriptors",
    what: "index and entry are written, then the descriptors",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const writeChain = r.writeChain.bind(r);
        r.writeChain = (descriptors, pieces) => {
          r.memory.writeU16(r.entryAt(r.availIdx), descriptors[0]);
          r.memory.writeU16(r.avail.offset + Avail.IDX, r.availIdx + 1);
          writeChain(descriptors, pieces);
        };
      }),
    expect: { rule: "split-descriptor-in-flight" },
    also: [
      "buffer-freed",
      "buffer-too-long",
      "rng-used-length",
      "rng-writable",
      "split-entry-before-index",
      "split-write-barrier",
    ],
  },
  {
    id: "split-no-write-barrier",
    what: "no barrier between the entry and the index",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.barrierBeforePublish = forgotten),
    expect: { rule: "split-write-barrier" },
  },
  {
    id: "split-read-barrier-for-write",
    what: "a read barrier stands between the entry and the index",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.barrierBeforePublish = () => r.barrierAfterUsed()),
    expect: { rule: "split-write-barrier" },
  },
  {
    id: "split-no-barrier-before-kick",
    what: "no full barrier between the index and the look at the device's flags",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.barrierBeforeKick = forgotten),
    expect: { rule: "split-full-barrier" },
  },
  {
    id: "split-write-barrier-before-kick",
    what: "a write barrier stands where a full one is needed before the look at the device's flags",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.barrierBeforeKick = () => r.barrierBeforePublish()),
    expect: { rule: "split-full-barrier" },
  },
  {
    id: "split-no-read-barrier",
    what: "no barrier between the used index and the used entry",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.barrierAfterUsed = forgotten),
    expect: { rule: "split-read-barrier" },
  },
  {
    id: "split-entry-not-wrapped",
    what: "the position in the available ring is not taken modulo its size",
    on: SPLIT,
    plant: ({ rng, split }) => {
      inBatches(rng);
      split((r) => r.entryAt = (index) => r.avail.offset + Avail.RING + 2 * index);
    },
    expect: { rule: "split-entry-beyond-ring", found: /entry (8|17) of a larger ring/ },
    also: ["split-descriptor-shared"],
  },
  {
    id: "split-index-wrapped",
    what: "the available index starts again at 0 behind the end of the ring",
    on: SPLIT,
    plant: ({ rng, split }) => {
      rng.requests = Array.from({ length: 20 }, () => [16]);
      split((r) => after(r, "putEntry", () => r.availIdx %= r.size));
    },
    expect: { rule: "split-available-index" },
  },
  {
    id: "split-index-off-by-one",
    what: "the available index shows one entry more than there is",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => r.showIndex = () => r.memory.writeU16(r.avail.offset + Avail.IDX, r.availIdx + 1)),
    expect: { rule: "split-descriptor-shared" },
    also: ["buffer-freed-in-flight", "split-descriptor-in-flight", "split-entry-before-index"],
  },
  {
    id: "split-more-than-fits",
    what: "more chains are published than the ring has entries: nobody looks whether there is room",
    on: SPLIT,
    plant: ({ rng, split }) => {
      rng.atOnce = true;
      rng.requests = Array.from({ length: 20 }, () => [16]);
      split((r) => {
        let next = 0;
        r.takeFree = forgotten;
        r.allocDescriptor = () => next++ % r.size;
      });
    },
    expect: { rule: "split-available-index" },
  },
  {
    id: "split-avail-flags-unknown",
    what: "flags of the available ring are written with 2",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => r.setInterrupts = () => r.memory.writeU16(r.avail.offset + Avail.FLAGS, 2)),
    expect: { rule: "split-available-flags" },
  },
  {
    id: "split-avail-flags-with-event-idx",
    what: "interrupts are refused by the flag, though EVENT_IDX was negotiated",
    on: { ...SPLIT, eventIdx: true },
    plant: ({ split }) =>
      split((r) => after(r, "clear", () => r.memory.writeU16(r.avail.offset + Avail.FLAGS, 1))),
    expect: { rule: "split-flags-with-event-idx" },
  },
  {
    id: "split-used-entry-cleared",
    what: "the driver clears used entries that it has taken",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => before(r, "moveEvent", () => r.memory.writeU32(r.usedAt(r.usedIdx - 1), 0))),
    expect: { rule: "device-area-written" },
  },
  {
    id: "split-used-index-reset",
    what: "the driver sets the used index back to 0 when it has taken everything",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => before(r, "moveEvent", () => r.memory.writeU16(r.usedRing.offset + 2, 0))),
    expect: { rule: "device-area-written" },
  },
  {
    id: "split-index-big-endian",
    what: "the available index is written most significant byte first",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => r.showIndex = () => r.memory.writeU16(r.avail.offset + Avail.IDX, swap16(r.availIdx))),
    expect: { rule: "split-available-index" },
  },
  {
    id: "split-entry-changed-after-publish",
    what: "an entry of the available ring is written again while the device may read it",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => after(r, "publish", () => r.memory.writeU16(r.entryAt(r.availIdx - 1), r.size - 1))),
    expect: { rule: "split-entry-before-index" },
  },
  {
    id: "split-index-never-shown",
    what: "the available index is not written",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.showIndex = forgotten),
    expect: { rule: "stuck-machine" },
  },
  {
    id: "split-ring-size-off-by-one",
    what: "the driver counts positions modulo the size less one",
    on: SPLIT,
    plant: ({ rng, split }) => {
      inBatches(rng);
      split((r) => r.entryAt = (index) => r.avail.offset + Avail.RING + 2 * (index % (r.size - 1)));
    },
    expect: { rule: "split-descriptor-shared" },
  },
  {
    id: "split-used-index-not-zero",
    what: "the used ring of a queue that was reset is handed over again as it was",
    on: SPLIT,
    plant: ({ split }) => split((r) => after(r, "clear", () => r.memory.writeU16(r.usedRing.offset + 2, 3))),
    expect: { rule: "split-used-index-start", found: /was 3/ },
  },
  {
    id: "split-index-8-bit",
    what: "the low byte of the available index is written alone",
    on: SPLIT,
    plant: ({ rng, split }) => {
      rng.requests = Array.from({ length: 260 }, () => [16]);
      split((r) => r.showIndex = () => r.memory.writeU8(r.avail.offset + Avail.IDX, r.availIdx & 0xff));
    },
    expect: { rule: "split-available-index", found: /from 255 to 0/ },
  },
  {
    id: "split-used-event-misplaced",
    what: "used_event is written one entry too early, over the last of the ring",
    on: { ...SPLIT, eventIdx: true },
    plant: ({ rng, split }) => {
      rng.requests = Array.from({ length: 12 }, () => [16]);
      split((r) =>
        r.writeUsedEvent = (i) => r.memory.writeU16(r.avail.offset + Avail.RING + 2 * (r.size - 1), i)
      );
    },
    expect: { rule: "stuck-machine", found: /it asks for no interrupt/ },
  },
  {
    id: "split-avail-event-misplaced",
    what: "avail_event is looked for one element too early",
    on: { ...SPLIT, eventIdx: true, restless: true },
    plant: ({ rng, split }) => {
      rng.requests = Array.from({ length: 12 }, () => [16]);
      split((r) => r.availEvent = () => r.memory.readU16(r.usedRing.offset + 4 + 8 * (r.size - 1)));
    },
    expect: { rule: "lost-notification" },
  },
  {
    id: "split-index-not-cleared",
    what: "the available index starts where it was before a reset",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => after(r, "clear", () => r.memory.writeU16(r.avail.offset + Avail.IDX, 5))),
    expect: { rule: "split-available-index", found: /from 5 to 1: back by 4/ },
    also: [
      "rng-writable",
      "split-descriptor-in-flight",
      "split-descriptor-shared",
      "split-entry-before-index",
      "split-write-barrier",
    ],
  },
  {
    id: "split-head-published-twice",
    what: "a chain is put into the available ring two times",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const { putEntry } = r;
        r.putEntry = (head) => {
          putEntry.call(r, head);
          putEntry.call(r, head);
        };
      }),
    expect: { rule: "split-descriptor-shared" },
    also: ["buffer-freed-in-flight", "split-descriptor-in-flight"],
  },
  {
    id: "split-read-barrier-too-late",
    what: "the read barrier stands behind the used entry",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const barrier = r.barrierAfterUsed.bind(r);
        r.barrierAfterUsed = forgotten;
        after(r, "take", () => barrier());
      }),
    expect: { rule: "split-read-barrier" },
  },
  {
    id: "split-used-taken-unseen",
    what: "used entries are taken without a look at the index",
    on: SPLIT,
    plant: ({ rng, split }) => {
      split((r) => r.hasUsed = () => true);
      rng.usable = () => 8;
    },
    expect: { rule: "buffer-freed-in-flight" },
    also: ["split-descriptor-in-flight", "split-descriptor-shared"],
  },
  {
    id: "split-used-entry-off-by-one",
    what: "the used entry that is read is the one behind the one that was written",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const usedAt = r.usedAt.bind(r);
        r.usedAt = (index) => usedAt(index + 1);
      }),
    expect: { rule: "split-used-entry-early", found: /entry 1 .*has written 1$/ },
  },
];

/** Rounds of three requests at once, whose first buffers differ in number: descriptors get out of their order. */
function inBatches(rng: RngStudent): void {
  rng.requests = [[16, 16], [16], [16]];
  rng.work = () => {
    for (let round = 0; round < 10; round++) rng.workAtOnce();
  };
}
