import { writeBarrier } from "../../../arch/barrier.ts";
import { EventSuppr, PackedDesc } from "../../../spec/virtio/packed.ts";
import { Avail, DESC_SIZE, SplitDesc } from "../../../spec/virtio/split.ts";
import { after, before, forgotten } from "../mistake.ts";
import type { Legal } from "./legal.ts";

const SPLIT = { rings: ["split"] } as const;
const PACKED = { rings: ["packed"] } as const;
const MANY = Array.from({ length: 40 }, () => [16, 16]);

/** Rings: where they are, how they are written and read. */
export const RINGS: readonly Legal[] = [
  {
    id: "one-allocation",
    what: "all areas of a queue are in one allocation",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        const allocate = r.allocatePart.bind(r);
        let whole: ReturnType<typeof allocate> | undefined;
        let next = 0;
        r.allocatePart = (length, what) => {
          if (what === "table") return allocate(length, what);
          whole ??= allocate(4096, "areas");
          const at = next;
          next += Math.ceil(length / 16) * 16;
          return Object.create(whole, {
            offset: { value: whole.offset + at },
            phys: { value: whole.phys + at },
            virt: { value: whole.virt + at },
            length: { value: length },
            // The first part has all of it.
            free: { value: at === 0 ? whole.free.bind(whole) : forgotten },
          });
        };
      }),
  },
  {
    id: "split-wide-stores",
    what: "flags and next, flags and index are written as 32 bits at a time",
    on: SPLIT,
    plant: ({ rng, split }) => {
      rng.requests = MANY;
      split((r) => {
        r.writeRaw = (at, address, length, next, flags) => {
          r.memory.writeU32(at, address % 2 ** 32);
          r.memory.writeU32(at + 4, Math.floor(address / 2 ** 32));
          r.memory.writeU32(at + SplitDesc.LEN, length);
          r.memory.writeU32(at + SplitDesc.FLAGS, (flags | next << 16) >>> 0);
        };
        r.showIndex = () => r.memory.writeU32(r.avail.offset + Avail.FLAGS, (r.availIdx << 16) >>> 0);
      });
    },
  },
  {
    id: "split-descriptor-as-bytes",
    what: "a descriptor is copied to its place in one piece",
    on: { ...SPLIT, indirect: true },
    plant: ({ split }) =>
      split((r) =>
        r.writeRaw = (at, address, length, next, flags) => {
          const view = new DataView(new ArrayBuffer(DESC_SIZE));
          view.setBigUint64(0, BigInt(address), true);
          view.setUint32(8, length, true);
          view.setUint16(12, flags, true);
          view.setUint16(14, next, true);
          r.memory.writeBytes(at, new Uint8Array(view.buffer));
        }
      ),
  },
  {
    id: "split-free-list-in-descriptors",
    what: "free descriptors are linked by their next fields, as Linux does",
    on: SPLIT,
    plant: ({ rng, split }) => {
      rng.requests = MANY;
      split((r) => {
        after(r, "clear", () => {
          for (let i = 0; i < r.size; i++) {
            r.memory.writeU16(r.descriptorAt(i) + SplitDesc.NEXT, (i + 1) % r.size);
          }
        });
        after(
          r,
          "freeDescriptor",
          (_, index) => r.memory.writeU16(r.descriptorAt(index) + SplitDesc.NEXT, 0),
        );
      });
    },
  },
  {
    id: "split-index-read-back",
    what: "the driver reads its own index and entries back",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) =>
        after(r, "publish", () => {
          r.memory.readU16(r.avail.offset + Avail.IDX);
          r.memory.readU16(r.entryAt(r.availIdx - 1));
        })
      ),
  },
  {
    id: "split-index-once-for-each-entry",
    what: "the index goes up by one for each chain of a batch",
    on: SPLIT,
    plant: ({ rng, split }) => {
      rng.atOnce = true;
      split((r) => after(r, "add", () => r.publish()));
    },
  },
  {
    id: "split-flags-cleared-with-event-idx",
    what: "the flags of the available ring are written with 0, though EVENT_IDX was negotiated",
    on: { ...SPLIT, eventIdx: true },
    plant: ({ split }) =>
      split((r) => before(r, "publish", () => r.memory.writeU16(r.avail.offset + Avail.FLAGS, 0))),
  },
  {
    id: "packed-wide-stores",
    what: "id and flags are written as 32 bits at a time",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY.map(() => [16]);
      packed((r) =>
        r.writeFlags = (at, flags) => {
          const id = r.memory.readU16(at + PackedDesc.ID);
          r.memory.writeU32(at + PackedDesc.ID, (id | flags << 16) >>> 0);
        }
      );
    },
  },
  {
    id: "packed-last-descriptor-first",
    what: "a chain is written from its last descriptor to its first",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY;
      packed((r) => {
        const advance = r.advance.bind(r);
        const waiting: [number, number][] = [];
        const write = r.writeFlags.bind(r);
        r.writeFlags = (at, flags) =>
          r.held?.at === at ? write(at, flags) : void waiting.unshift([at, flags]);
        r.advance = advance;
        before(r, "publish", () => {
          for (const [at, flags] of waiting.splice(0)) write(at, flags);
        });
      });
    },
  },
  {
    id: "packed-event-as-32-bits",
    what: "the driver's event structure is written as 32 bits at a time",
    on: { ...PACKED, eventIdx: true },
    plant: ({ packed }) =>
      packed((r) =>
        r.setInterrupts = (wanted) => {
          const desc = r.usedNext | r.usedWrap << 15;
          r.memory.writeU32(r.driverEvent.offset + EventSuppr.DESC, (desc | (wanted ? 2 : 1) << 16) >>> 0);
        }
      ),
  },
  {
    id: "packed-id-in-last-only",
    what: "only the last descriptor of a chain has the id",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.idOf = (id, more) => more ? 0 : id),
  },
  {
    id: "packed-always-interrupts-with-event-idx",
    what: "every interrupt is wanted, though EVENT_IDX was negotiated",
    on: { ...PACKED, eventIdx: true },
    plant: ({ packed }) => packed((r) => r.setInterrupts = () => r.writeEventFlags(0)),
  },
  {
    id: "two-used-at-once",
    what: "the used index is read once for several used chains",
    on: SPLIT,
    plant: ({ rng }) => {
      rng.work = () => {
        const ring = rng.rings[0];
        for (const lengths of rng.requests) ring.submit(rng.makePieces(lengths));
        for (let left = rng.requests.length; left > 0;) {
          rng.waitFor(() => ring.hasUsed(), "nothing comes back");
          for (; left > 0 && ring.hasUsed(); left--) rng.accept(ring.take());
        }
      };
    },
  },
  {
    id: "strong-barriers",
    what: "every barrier is a full one",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        const full = () => Object.getPrototypeOf(Object.getPrototypeOf(r)).barrierBeforeKick.call(r);
        r.barrierBeforePublish = r.barrierAfterUsed = full;
      }),
  },
  {
    id: "more-barriers",
    what: "barriers stand where none is needed",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        before(r, "add", () => writeBarrier(r.memory, false));
        before(r, "take", () => r.barrierBeforeKick());
      }),
  },
];
