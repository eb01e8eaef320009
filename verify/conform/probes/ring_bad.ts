import { buffer, type Desc, type Front, I, N, W } from "../driver/mod.ts";
import type { Value } from "../check.ts";
import { hangsIfPacked, type RingKind, type RingQuestion, RngProbe } from "./session.ts";

const LOOP = "virtio 1.4, 2.7.5.2", ORDER = "virtio 1.4, 2.7.4.2", LENGTH = "virtio 1.4, 2.7.5";

/** Does the wrong thing, then a right one (nobody serves it), then a reset and a right one again (it heals). */
function breaks(front: Front, kind: RingKind, wrong: (p: RngProbe) => void): Value {
  const p = new RngProbe(front, kind);
  wrong(p);
  const first = p.go();
  p.ring.chain([{ addr: buffer(9), flags: W }], 7);
  const second = p.go();
  front.rewind();
  const again = new RngProbe(front, kind);
  again.ring.chain([{ flags: W }], 1);
  return { wrong: first, "a right one after it": second, "after reset": again.go() };
}

/** One chain, right or wrong. */
const chain = (name: string, title: string, spec: string, list: readonly Desc[]): RingQuestion => ({
  name,
  title,
  spec,
  run: (front: Front, kind: RingKind) => breaks(front, kind, (p) => p.ring.chain(list)),
});

/** Asked of the split ring alone: on the packed one it is one of the questions that make QEMU spin. */
const onSplit = (question: RingQuestion): RingQuestion => ({ ...question, ring: "split" });

/** What drivers must not do, and what comes of it. */
export const badQuestions: readonly RingQuestion[] = [
  ...hangsIfPacked(chain("zero-length", "a buffer of length 0", LENGTH, [{ len: 0, flags: W }])),
  onSplit(
    chain("zero-length-second", "a buffer of length 0 behind another", LENGTH, [
      { flags: W },
      { addr: buffer(1), len: 0, flags: W },
    ]),
  ),
  onSplit(
    chain("zero-length-readable", "a readable buffer of length 0, then one to write", LENGTH, [
      { len: 0 },
      { addr: buffer(1), flags: W },
    ]),
  ),
  ...hangsIfPacked(
    chain("readable-after-writable", "a buffer to read behind one to write", ORDER, [
      { flags: W },
      { addr: buffer(1) },
    ]),
    true,
  ),
  chain(
    "too-long-chain",
    "a chain of more descriptors than the ring",
    LOOP,
    Array.from({ length: 9 }, () => ({ len: 4, flags: W })),
  ),
  {
    name: "loop-to-itself",
    title: "a descriptor whose next is itself",
    spec: LOOP,
    ring: "split",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        p.ring.put(p.ring.desc, { flags: W | N, next: 0 });
        p.ring.publish(0);
      }),
  },
  {
    name: "loop-of-three",
    title: "three descriptors in a circle",
    spec: LOOP,
    ring: "split",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        for (let i = 0; i < 3; i++) {
          p.ring.put(p.ring.desc + 16 * i, { flags: W | N, next: (i + 1) % 3, len: 2 });
        }
        p.ring.publish(1);
      }),
  },
  ...[8, 9, 0x7fff, 0xffff].map((next): RingQuestion => ({
    name: `next-${next}`,
    title: `next is ${next} in a ring of 8`,
    spec: LENGTH,
    ring: "split",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        p.ring.put(p.ring.desc, { flags: W | N, next });
        p.ring.publish(0);
      }),
  })),
  ...[8, 9, 0x7fff, 0xffff].map((head): RingQuestion => ({
    name: `head-${head}`,
    title: `head ${head} in a ring of 8`,
    spec: "virtio 1.4, 2.7.6",
    ring: "split",
    run: (front, kind) => breaks(front, kind, (p) => p.ring.publish(head)),
  })),
  ...[9, 10, 100, 0x7fff, 0x8000, 0xffff].map((idx): RingQuestion => ({
    name: `idx-${idx}`,
    title: `avail.idx jumps from 0 to ${idx}`,
    spec: "virtio 1.4, 2.7.6",
    ring: "split",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        p.ring.put(p.ring.desc, { flags: W });
        p.ring.showIdx(idx);
      }),
  })),
  {
    name: "idx-8",
    title: "avail.idx jumps by as much as the ring holds: eight times head 0",
    spec: "virtio 1.4, 2.7.6",
    ring: "split",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        p.ring.put(p.ring.desc, { flags: W });
        p.ring.showIdx(8);
        p.ring.availIdx = 8;
      }),
  },
  {
    name: "idx-back",
    title: "avail.idx goes back by one",
    spec: "virtio 1.4, 2.7.6",
    ring: "split",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ flags: W }], 0);
      p.ring.chain([{ flags: W }], 1);
      const before = p.go();
      p.ring.showIdx(1);
      return [before, p.go()];
    },
  },
  {
    name: "good-then-bad-head",
    title: "a right chain and a bad head behind one notification",
    spec: "virtio 1.4, 2.7.6",
    ring: "split",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        p.ring.chain([{ flags: W }], 2);
        p.ring.publish(8);
      }),
  },
  {
    name: "good-then-bad-order",
    title: "a right chain and one in the wrong order behind one notification",
    spec: ORDER,
    ring: "split",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        p.ring.chain([{ flags: W }], 0);
        p.ring.chain([{ flags: W }, { addr: buffer(1) }], 2);
      }),
  },
  onSplit({
    name: "good-then-zero",
    title: "a right chain and one of length 0 behind one notification",
    spec: LENGTH,
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        p.ring.chain([{ flags: W }], 0);
        p.ring.chain([{ len: 0, flags: W }], 2);
      }),
  }),
  {
    name: "without-version-1",
    title: "a bad head of a driver that did not accept VERSION_1: no NEEDS_RESET",
    spec: "virtio 1.4, 2.1.2",
    ring: "split",
    run(front) {
      front.negotiate(0n);
      const p = new RngProbe(front, "split");
      front.status = 0;
      front.negotiate(0n);
      front.setQueue(p.ring);
      front.status = 15;
      p.ring.publish(8);
      return p.go();
    },
  },
  {
    name: "indirect-flag-with-next",
    title: "INDIRECT and NEXT in one descriptor",
    spec: "virtio 1.4, 2.7.5.3.1",
    run: (front, kind) =>
      breaks(front, kind, (p) => {
        const table = p.ring.table([{ flags: W, len: 12 }]);
        p.ring.chain([{ ...table, flags: I | N }, { addr: buffer(1), flags: W }]);
      }),
  },
];
