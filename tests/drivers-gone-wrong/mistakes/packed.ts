import { EventSuppr, PackedDesc, PackedDescF } from "../../../spec/virtio/packed.ts";
import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import { after, before, forgotten, type Mistake } from "../mistake.ts";

const PACKED = { rings: ["packed"] } as const;
const MANY = Array.from({ length: 40 }, () => [16]);

/** The packed ring (virtio 1.4, 2.8). */
export const PACKED_MISTAKES: readonly Mistake[] = [
  {
    id: "packed-wrap-not-toggled",
    what: "the wrap counter does not change at the end of the ring",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY;
      packed((r) => after(r, "advance", () => r.wrap = 1));
    },
    expect: { rule: "packed-not-available" },
  },
  {
    id: "packed-wrap-starts-at-0",
    what: "the wrap counter starts at 0",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.wrap = 0),
    expect: { rule: "packed-not-available" },
  },
  {
    id: "packed-used-wrap-not-toggled",
    what: "the wrap counter for used descriptors does not change at the end of the ring",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY;
      packed((r) => after(r, "skip", () => r.usedWrap = 1));
    },
    expect: { rule: "stuck-machine" },
  },
  {
    id: "packed-wrap-of-whole-chain",
    what: "all descriptors of a chain get the wrap counter of its first, also beyond the end of the ring",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = Array.from({ length: 20 }, () => [16, 16, 16]);
      packed((r) => {
        const ownership = r.ownership.bind(r);
        let first = 0;
        before(r, "add", () => first = ownership());
        r.ownership = () => first;
      });
    },
    expect: { rule: "packed-wrap" },
    also: ["packed-buffer-id", "packed-descriptor-in-flight", "packed-head-last", "packed-write-barrier"],
  },
  {
    id: "packed-flags-first",
    what: "the flags of the first descriptor are written before the rest of the chain",
    on: PACKED,
    plant: ({ packed }) => packed((r) => after(r, "hold", (_, at, flags) => r.writeFlags(at, flags))),
    expect: { rule: "packed-head-last" },
    also: [
      "buffer-freed-in-flight",
      "packed-buffer-id",
      "packed-chain-order",
      "packed-write-barrier",
      "rng-writable",
    ],
  },
  {
    id: "packed-flags-before-address",
    what: "a descriptor is made available, then filled in",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) => {
        const address = r.pieceAddress.bind(r);
        r.pieceAddress = (piece) => {
          r.writeFlags(r.descriptorAt(r.next), (piece.writable ? DescF.WRITE : 0) | r.ownership());
          return address(piece);
        };
      }),
    expect: { rule: "packed-descriptor-in-flight" },
    also: ["packed-buffer-id", "packed-write-barrier"],
  },
  {
    id: "packed-no-write-barrier",
    what: "no barrier between a descriptor and its flags",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.barrierBeforePublish = forgotten),
    expect: { rule: "packed-write-barrier" },
  },
  {
    id: "packed-no-barrier-before-kick",
    what: "no full barrier between the flags and the look at the device's event structure",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.barrierBeforeKick = forgotten),
    expect: { rule: "packed-full-barrier" },
  },
  {
    id: "packed-no-read-barrier",
    what: "no barrier between the flags of a used descriptor and its id",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.barrierAfterUsed = forgotten),
    expect: { rule: "packed-read-barrier" },
  },
  {
    id: "packed-avail-and-used-set",
    what: "AVAIL and USED are both set, so the descriptor looks used",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.ownership = () => PackedDescF.AVAIL | PackedDescF.USED),
    expect: { rule: "packed-not-available" },
  },
  {
    id: "packed-avail-bit-only",
    what: "AVAIL is always set and USED never, whatever the wrap counter",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY;
      packed((r) => r.ownership = () => PackedDescF.AVAIL);
    },
    expect: { rule: "packed-not-available" },
  },
  {
    id: "packed-same-id",
    what: "all chains in flight have the same id",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.atOnce = true;
      packed((r) => r.idOf = () => 3);
    },
    expect: { rule: "packed-buffer-id" },
  },
  {
    id: "packed-id-in-first-only",
    what: "the id stands in the first descriptor of a chain only; that of the last is 0",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = [[16, 16], [16, 16], [16, 16]];
      rng.atOnce = true;
      packed((r) => r.idOf = (id, more) => more ? id : 0);
    },
    expect: { rule: "packed-buffer-id" },
  },
  {
    id: "packed-event-flags-3",
    what: "the driver's event flags are written with the reserved value 3",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) => {
        const write = r.writeEventFlags.bind(r);
        r.writeEventFlags = () => write(3);
      }),
    expect: { rule: "packed-driver-event", found: /3/ },
  },
  {
    id: "packed-event-desc-without-feature",
    what: "the driver asks for an interrupt at a descriptor, though EVENT_IDX was not negotiated",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) => {
        const write = r.writeEventFlags.bind(r);
        r.writeEventFlags = () => write(2);
      }),
    expect: { rule: "packed-driver-event", found: /are 2/ },
  },
  {
    id: "packed-next-on-last",
    what: "the last descriptor of a chain has NEXT",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) => r.flagsOf = (piece) => (piece.writable ? DescF.WRITE : 0) | DescF.NEXT),
    expect: { rule: "packed-wrap" },
    also: ["packed-chain-order", "rng-writable"],
  },
  {
    id: "packed-more-than-fits",
    what: "descriptors that the device has not used are written over: nobody looks whether there is room",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY;
      rng.work = () => rng.askAll();
      packed((r) => {
        let next = 0;
        r.takeFree = forgotten;
        r.allocId = () => next++ % r.size;
      });
    },
    expect: { rule: "packed-no-room" },
    also: ["packed-buffer-id"],
  },
  {
    id: "packed-write-flag-missing",
    what: "buffers that the device shall fill lack the WRITE flag",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.flagsOf = (_piece, more) => more ? DescF.NEXT : 0),
    expect: { rule: "rng-writable", found: /64 bytes that is readable for the device/ },
  },
  {
    id: "packed-table-with-next",
    what: "the entries of an indirect table have NEXT, as in the split ring",
    on: { ...PACKED, indirect: true },
    plant: ({ packed }) =>
      packed((r) =>
        after(r, "writeTable", (table, pieces) => {
          for (let i = 0; i < pieces.length - 1; i++) {
            r.memory.writeU16(table.offset + i * DESC_SIZE + PackedDesc.FLAGS, DescF.WRITE | DescF.NEXT);
          }
        })
      ),
    expect: { rule: "packed-indirect-flags" },
  },
  {
    id: "packed-indirect-without-feature",
    what: "an indirect table is used, though INDIRECT_DESC was not negotiated",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.usesTable = (pieces) => pieces.length > 1),
    expect: { rule: "packed-indirect-feature" },
  },
  {
    id: "packed-indirect-length-in-entries",
    what: "the length of an indirect table is the number of its entries",
    on: { ...PACKED, indirect: true },
    plant: ({ packed }) => packed((r) => r.tableLength = (pieces) => pieces.length),
    expect: { rule: "packed-indirect-length" },
  },
  {
    id: "packed-skip-one",
    what: "one descriptor is counted for a used chain of several",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) => {
        const skip = r.skip.bind(r);
        r.skip = () => skip(1);
      }),
    expect: { rule: "stuck-machine" },
  },
  {
    id: "packed-used-by-one-bit",
    what: "USED alone is looked at to tell whether a descriptor was used",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY;
      packed((r) => r.isUsed = (flags) => (flags & PackedDescF.USED) !== 0);
    },
    expect: { rule: "packed-no-room" },
    also: ["buffer-freed-in-flight", "packed-buffer-id"],
  },
  {
    id: "packed-descriptor-changed-in-flight",
    what: "the length of a descriptor is corrected after it was published",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) => {
        const publish = r.publish.bind(r);
        r.publish = () => {
          const at = r.held!.at;
          publish();
          r.memory.writeU32(at + PackedDesc.LEN, 8);
        };
      }),
    expect: { rule: "packed-descriptor-in-flight" },
  },
  {
    id: "packed-device-event-written",
    what: "the driver clears the device's event structure",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) =>
        before(r, "wantsKick", () => r.memory.writeU16(r.deviceEvent.offset + EventSuppr.FLAGS, 0))
      ),
    expect: { rule: "device-area-written" },
  },
  {
    id: "packed-readable-after-writable",
    what: "a command has its answer before its data",
    on: { ...PACKED, devices: ["net"] },
    plant: ({ net }) => {
      const make = net.makeCommand.bind(net);
      net.makeCommand = (kind, command, data) => make(kind, command, data).reverse();
      net.checkAck = forgotten;
    },
    expect: { rule: "packed-chain-order" },
  },
  {
    id: "packed-order-of-fields",
    what: "id and flags stand in each other's place, as in the split ring",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) =>
        r.writeFlags = (at, flags) => {
          r.memory.writeU16(at + PackedDesc.FLAGS, r.memory.readU16(at + PackedDesc.ID));
          r.memory.writeU16(at + PackedDesc.ID, flags);
        }
      ),
    expect: { rule: "packed-not-available" },
  },
  {
    id: "packed-used-from-1",
    what: "the driver looks for used chains from descriptor 1 on",
    on: PACKED,
    plant: ({ packed }) => packed((r) => r.usedNext = 1),
    expect: { rule: "stuck-machine", found: /looks at descriptor 1, the device has used descriptor 0/ },
  },
  {
    id: "packed-driver-event-without-wrap",
    what: "the wrap counter is left out where the driver says at which descriptor it wants an interrupt",
    on: { ...PACKED, eventIdx: true },
    plant: ({ packed }) =>
      packed((r) => after(r, "setInterrupts", () => r.memory.writeU16(r.driverEvent.offset, r.usedNext))),
    expect: { rule: "stuck-machine", found: /has not looked at/ },
  },
  {
    id: "packed-ring-not-cleared",
    what: "the descriptors have the flags of an earlier life",
    on: PACKED,
    plant: ({ packed }) =>
      packed((r) =>
        after(r, "clear", () => {
          for (let i = 0; i < r.size; i++) {
            r.memory.writeU16(r.descriptorAt(i) + PackedDesc.FLAGS, PackedDescF.AVAIL);
          }
        })
      ),
    expect: { rule: "packed-write-barrier" },
    also: ["packed-buffer-id", "packed-no-room", "rng-writable"],
  },
  {
    id: "packed-used-without-wrap",
    what: "a descriptor counts as used when AVAIL and USED are equal, whatever the wrap counter",
    on: PACKED,
    plant: ({ rng, packed }) => {
      rng.requests = MANY;
      packed((r) => {
        const { hasUsed } = r;
        let taken = 0;
        after(r, "take", () => taken++);
        r.isUsed = (flags) => ((flags & PackedDescF.AVAIL) !== 0) === ((flags & PackedDescF.USED) !== 0);
        // In the first lap, descriptors that nobody wrote would look used, too.
        r.hasUsed = () =>
          taken < r.size
            ? hasUsed.call(r)
            : r.isUsed(r.memory.readU16(r.descriptorAt(r.usedNext) + PackedDesc.FLAGS));
      });
      after(rng, "ask", () => {
        while (rng.rings[0].hasUsed()) rng.rings[0].take();
      });
    },
    expect: { rule: "packed-used-early", found: /descriptor 0 .* 0x8080/ },
  },
];
