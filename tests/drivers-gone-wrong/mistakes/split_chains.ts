import { DESC_SIZE, DescF, SplitDesc } from "../../../spec/virtio/split.ts";
import { after, forgotten, type Mistake } from "../mistake.ts";

const SPLIT = { rings: ["split"] } as const;
const swap16 = (value: number) => (value & 0xff) << 8 | value >>> 8 & 0xff;
const swap32 = (value: number) => (swap16(value) << 16 | swap16(value >>> 16)) >>> 0;

/** Descriptors and chains of the split ring (virtio 1.4, 2.7.4, 2.7.5). */
export const SPLIT_CHAIN_MISTAKES: readonly Mistake[] = [
  {
    id: "split-write-flag-missing",
    what: "buffers that the device shall fill lack the WRITE flag",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.flagsOf = (_piece, more) => more ? DescF.NEXT : 0),
    expect: { rule: "rng-writable", found: /64 bytes that is readable for the device/ },
  },
  {
    id: "split-next-on-last",
    what: "the last descriptor of a chain has NEXT",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => r.flagsOf = (piece) => (piece.writable ? DescF.WRITE : 0) | DescF.NEXT),
    expect: { rule: "split-chain-loop" },
  },
  {
    id: "split-next-off-by-one",
    what: "next is one too high",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.nextOf = (descriptors, i) => (descriptors[i + 1] + 1) % r.size),
    expect: { rule: "buffer-freed" },
  },
  {
    id: "split-next-beyond-table",
    what: "next counts bytes, and is beyond the table",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.nextOf = (descriptors, i) => descriptors[i + 1] * DESC_SIZE),
    expect: { rule: "split-chain-index" },
  },
  {
    id: "split-chain-loops",
    what: "a chain leads back to its head",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.nextOf = (descriptors) => descriptors[0]),
    expect: { rule: "split-chain-loop" },
  },
  {
    id: "split-head-beyond-table",
    what: "the entry of the available ring is the descriptor's offset in bytes",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const putEntry = r.putEntry.bind(r);
        r.putEntry = (head) => putEntry((head + 1) * DESC_SIZE);
      }),
    expect: { rule: "split-chain-index" },
  },
  {
    id: "split-readable-after-writable",
    what: "a command has its answer before its data",
    on: { ...SPLIT, devices: ["net"] },
    plant: ({ net }) => {
      const make = net.makeCommand.bind(net);
      net.makeCommand = (kind, command, data) => make(kind, command, data).reverse();
      net.checkAck = forgotten;
    },
    expect: { rule: "split-chain-order" },
  },
  {
    id: "split-descriptors-freed-early",
    what: "descriptors go back to the free list when the chain is published, and are used again",
    on: SPLIT,
    plant: ({ rng, split }) => {
      rng.atOnce = true;
      split((r) =>
        after(r, "putEntry", (_, head) => {
          r.freeList.push(head);
        })
      );
    },
    expect: { rule: "split-descriptor-shared" },
  },
  {
    id: "split-descriptor-freed-twice",
    what: "the head of a used chain is put on the free list twice",
    on: SPLIT,
    plant: ({ rng, split }) => {
      const { workAtOnce } = rng;
      rng.workAtOnce = () => {
        workAtOnce.call(rng);
        workAtOnce.call(rng);
      };
      rng.atOnce = true;
      split((r) => after(r, "freeDescriptor", (_, index) => r.freeList.push(index)));
    },
    expect: { rule: "split-descriptor-shared" },
  },
  {
    id: "split-used-id-ignored",
    what: "descriptors are freed in the order of requests, not by the id that came back",
    on: { ...SPLIT, devices: ["rng"] },
    plant: ({ rng, split }) => {
      rng.atOnce = true;
      rng.requests = [[16], [16], [16]];
      rng.workAtOnce = () => {
        const ring = rng.rings[0];
        for (const lengths of rng.requests) ring.submit(rng.makePieces(lengths));
        for (let i = 0; i < 10; i++) {
          rng.waitFor(() => ring.hasUsed(), "nothing comes back");
          ring.take();
          ring.submit(rng.makePieces([16]));
        }
      };
      split((r) => {
        const { freeDescriptor } = r;
        let turn = 0;
        r.freeDescriptor = () => freeDescriptor.call(r, (turn += 2) % 4);
      });
    },
    expect: { rule: "split-descriptor-in-flight" },
    also: ["split-descriptor-shared"],
  },
  {
    id: "split-indirect-without-feature",
    what: "an indirect table is used, though INDIRECT_DESC was not negotiated",
    on: SPLIT,
    plant: ({ split }) => split((r) => r.usesTable = (pieces) => pieces.length > 1),
    expect: { rule: "split-indirect-feature" },
  },
  {
    id: "split-indirect-and-next",
    what: "a descriptor has INDIRECT and NEXT",
    on: { ...SPLIT, indirect: true },
    plant: ({ split }) => split((r) => r.tableFlags = () => DescF.INDIRECT | DescF.NEXT),
    expect: { rule: "split-indirect-next" },
    also: ["split-chain-loop"],
  },
  {
    id: "split-indirect-length-in-entries",
    what: "the length of an indirect table is the number of its entries",
    on: { ...SPLIT, indirect: true },
    plant: ({ split }) => split((r) => r.tableLength = (pieces) => pieces.length),
    expect: { rule: "split-indirect-length" },
  },
  {
    id: "split-indirect-nested",
    what: "an entry of an indirect table is itself marked INDIRECT",
    on: { ...SPLIT, indirect: true },
    plant: ({ split }) =>
      split((r) => {
        const flagsOf = r.flagsOf.bind(r);
        r.flagsOf = (piece, more) => flagsOf(piece, more) | (more ? DescF.INDIRECT : 0);
      }),
    expect: { rule: "split-indirect-nested" },
  },
  {
    id: "split-indirect-next-of-ring",
    what: "next within an indirect table counts from the ring's descriptors",
    on: { ...SPLIT, indirect: true },
    plant: ({ split }) =>
      split((r) =>
        after(r, "writeTable", (table, pieces) => {
          for (let i = 0; i < pieces.length - 1; i++) {
            r.memory.writeU16(table.offset + i * DESC_SIZE + SplitDesc.NEXT, r.size + i);
          }
        })
      ),
    expect: { rule: "split-chain-index" },
  },
  {
    id: "split-indirect-length-no-multiple",
    what: "the length of an indirect table is no multiple of 16",
    on: { ...SPLIT, indirect: true },
    plant: ({ split }) => split((r) => r.tableLength = (pieces) => pieces.length * DESC_SIZE + 8),
    expect: { rule: "split-indirect-length" },
    also: ["buffer-too-long"],
  },
  {
    id: "split-descriptor-big-endian",
    what: "length and flags of descriptors are written most significant byte first",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const writeRaw = r.writeRaw.bind(r);
        r.writeRaw = (at, address, length, next, flags) =>
          writeRaw(at, address, swap32(length), swap16(next), swap16(flags));
      }),
    expect: { rule: "buffer-not-in-ram" },
    also: ["rng-writable"],
  },
  {
    id: "split-descriptor-changed-in-flight",
    what: "the length of a descriptor is corrected after it was published",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) =>
        after(r, "publish", () => {
          const head = r.memory.readU16(r.entryAt(r.availIdx - 1));
          r.memory.writeU32(r.descriptorAt(head) + SplitDesc.LEN, 8);
        })
      ),
    expect: { rule: "split-descriptor-in-flight" },
  },
  {
    id: "split-length-zero",
    what: "the length of the last buffer is 0",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const write = r.writeDescriptor.bind(r);
        r.writeDescriptor = (at, piece, length, next, flags) =>
          write(at, piece, flags & DescF.NEXT ? length : 0, next, flags);
      }),
    expect: { rule: "split-empty-buffer", found: /length 0/ },
  },
  {
    id: "split-length-negative",
    what: "a length is computed as -1",
    on: SPLIT,
    plant: ({ split }) =>
      split((r) => {
        const write = r.writeDescriptor.bind(r);
        r.writeDescriptor = (at, piece, _length, next, flags) => write(at, piece, 0xffff_ffff, next, flags);
      }),
    expect: { rule: "buffer-not-in-ram" },
  },
];
