import { buffer, type Desc, type Front, I, N, tableAt, W } from "../driver/mod.ts";
import type { Value } from "../check.ts";
import { RAM } from "../static/variants.ts";
import { hangsIfPacked, INDIRECT, type RingKind, type RingQuestion, RngProbe } from "./session.ts";

const TABLE = "virtio 1.4, 2.7.5.3";

/** Chains behind one another, each with its own notification. The feature is negotiated. */
function chains(front: Front, kind: RingKind, make: (p: RngProbe) => readonly (readonly Desc[])[]): Value {
  const p = new RngProbe(front, kind, { features: INDIRECT });
  return make(p).map((list, i) => {
    p.ring.chain(list, i);
    return p.go();
  });
}

/** Tables that the device refuses only when it takes them: on the packed ring a chain behind them makes QEMU spin. */
const EMPTY = ["outside-ram", "above-4-gib", "in-rom", "itself"];

const one = (
  name: string,
  title: string,
  make: (p: RngProbe) => readonly Desc[],
  spec = TABLE,
  more: Partial<RingQuestion> = {},
): RingQuestion => ({
  name: `indirect-${name}`,
  title,
  spec,
  run(front, kind) {
    const after = kind === "packed" && EMPTY.includes(name) ? [] : [[{ addr: buffer(9), flags: W }]];
    return chains(front, kind, (p) => [make(p), ...after]);
  },
  ...more,
});

const many = (count: number, len = 1): Desc[] =>
  Array.from({ length: count }, (_, i) => ({ addr: buffer(0) + i * len, len, flags: W }));

/** Indirect tables, legal and illegal. */
export const indirectQuestions: readonly RingQuestion[] = [
  one("one", "a table of one buffer", (p) => [p.ring.table([{ flags: W }])]),
  one("three", "a table of three buffers, the first to read", (p) => [
    p.ring.table([{ len: 4 }, { addr: buffer(1), len: 5, flags: W }, { addr: buffer(2), len: 6, flags: W }]),
  ]),
  {
    name: "indirect-not-negotiated",
    title: "a table that was not negotiated",
    spec: TABLE,
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([p.ring.table([{ flags: W }])]);
      return p.go();
    },
  },
  one(
    "longer-than-ring",
    "a table of more buffers than the ring has descriptors",
    (p) => [p.ring.table(many(20))],
  ),
  one("of-1024", "a table of 1024 buffers", (p) => [p.ring.table(many(1024))], "virtio 1.4, 2.7.5.3.1"),
  ...hangsIfPacked(
    one(
      "of-1025",
      "a table of 1025 buffers, more than QEMU takes",
      (p) => [p.ring.table(many(1025))],
      "virtio 1.4, 2.7.5.3.1",
    ),
  ),
  ...hangsIfPacked(one("behind-direct", "a table behind a direct buffer", (p) => [
    { len: 7, flags: W },
    { ...p.ring.table([{ addr: buffer(1), len: 9, flags: W }]), flags: I },
  ], "virtio 1.4, 2.7.5.3.2")),
  one(
    "between-direct",
    "a table with NEXT behind a direct buffer",
    (p) => [
      { len: 7, flags: W },
      p.ring.table([{ addr: buffer(1), len: 9, flags: W }]),
      { addr: buffer(2), len: 11, flags: W },
    ],
    "virtio 1.4, 2.7.5.3.1",
    { ring: "split" },
  ),
  one("writable-table", "WRITE in the descriptor that names a table", (p) => [
    { ...p.ring.table([{ flags: W }]), flags: I | W },
  ], "virtio 1.4, 2.7.5.3.2"),
  one("nested", "a table in a table", (p) => [
    p.ring.table([{ ...p.ring.table([{ addr: buffer(2), flags: W }], 1), flags: I }]),
  ], "virtio 1.4, 2.7.5.3.1"),
  one("nested-writable", "a table in a table, marked as to write", (p) => [
    p.ring.table([{ ...p.ring.table([{ addr: buffer(2), flags: W }], 1), flags: I | W }]),
  ], "virtio 1.4, 2.7.5.3.1"),
  {
    ...one("length-0", "a table of length 0", (p) => [{ ...p.ring.table([{ flags: W }]), len: 0 }]),
    alone: true,
  },
  one("length-8", "a table of length 8", (p) => [{ ...p.ring.table([{ flags: W }]), len: 8 }]),
  one("length-24", "a table of length 24", (p) => [{ ...p.ring.table([{ flags: W }]), len: 24 }]),
  one("loop", "a table whose descriptors go round", (p) => {
    const table = p.ring.table(many(3));
    p.ring.put(tableAt(0) + 32, { flags: W | N, next: 0, len: 1 });
    return [table];
  }),
  one("next-outside", "next beyond the table", (p) => {
    const table = p.ring.table(many(3));
    p.ring.put(tableAt(0) + 16, { flags: W | N, next: 3, len: 1 });
    return [table];
  }),
  one("order", "a table used from back to front", (p) => {
    const table = p.ring.table(many(3));
    p.ring.put(tableAt(0), { addr: buffer(3), flags: W | N, next: 2, len: 3 });
    p.ring.put(tableAt(0) + 32, { addr: buffer(4), flags: W | N, next: 1, len: 4 });
    p.ring.put(tableAt(0) + 16, { addr: buffer(5), flags: W, next: 0, len: 5 });
    return [table];
  }),
  one("short-of-next", "a table that ends before its descriptors do", (p) => [
    { ...p.ring.table(many(5)), len: 32 },
  ]),
  one(
    "readable-last",
    "a table with a buffer to read behind one to write",
    (p) => [p.ring.table([{ len: 4, flags: W }, { addr: buffer(1), len: 4 }])],
    "virtio 1.4, 2.7.4.2",
    { ring: "split" },
  ),
  one(
    "zero",
    "a table with a buffer of length 0",
    (p) => [p.ring.table([{ len: 4, flags: W }, { addr: buffer(1), len: 0, flags: W }])],
    TABLE,
    { ring: "split" },
  ),
  one("unaligned", "a table at an odd address", (p) => {
    const at = tableAt(2) + 3;
    p.ring.put(at, { flags: W, len: 21 });
    return [{ addr: at, len: 16, flags: I }];
  }),
  one("outside-ram", "a table outside RAM", () => [{ addr: 0x5000_0000, len: 16, flags: I }]),
  {
    name: "indirect-outside-low",
    title: "a table outside RAM, and what would be a descriptor at the start of RAM",
    spec: TABLE,
    ring: "split",
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: INDIRECT });
      p.ring.put(0, { addr: 0, flags: W, len: 24 });
      p.ring.chain([{ addr: 0x5000_0000, len: 16, flags: I }]);
      const seen = p.go();
      const low = front.bytes(0, 16).toHex();
      front.bytes(0, 16).fill(0);
      return { ...seen, low };
    },
  },
  one("above-4-gib", "a table above 4 GiB", () => [{ addr: 0x1_0000_0000n, len: 32, flags: I }]),
  one(
    "end-of-ram",
    "a table that begins in RAM and ends outside",
    () => [{ addr: RAM - 16, len: 32, flags: I }],
  ),
  one(
    "wraps",
    "a table at the end of all addresses",
    () => [{ addr: 0xffff_ffff_ffff_fff0n, len: 32, flags: I }],
  ),
  one("in-rom", "a table in the firmware's area", () => [{ addr: 0xf_0000, len: 16, flags: I }]),
  one("itself", "a table that is the ring itself", (p) => [{ addr: p.ring.desc, len: 64, flags: I }]),
  one(
    "ids",
    "ids inside a table mean nothing",
    (p) => [
      p.ring.table([{ flags: W, len: 3, next: 11 }, { addr: buffer(1), len: 3, flags: W, next: 12 }]),
    ],
    "virtio 1.4, 2.8.7",
    { ring: "packed" },
  ),
  one(
    "next-flag",
    "NEXT inside a table means nothing",
    (p) => [
      p.ring.table([{ flags: W | N, len: 3 }, { addr: buffer(1), len: 3, flags: W | N }]),
    ],
    "virtio 1.4, 2.8.7",
    { ring: "packed" },
  ),
  {
    name: "indirect-full-ring",
    title: "as many tables as the ring has descriptors, three times",
    spec: TABLE,
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: INDIRECT, size: 4 });
      return [0, 1, 2].map(() => {
        for (let i = 0; i < 4; i++) {
          p.ring.chain([
            p.ring.table(
              [{ addr: buffer(i), len: 3, flags: W }, { addr: buffer(i) + 64, len: 2, flags: W }],
              i,
            ),
          ], i);
        }
        return p.go();
      });
    },
  },
];
