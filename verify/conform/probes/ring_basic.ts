import { buffer, I, N, W } from "../driver/mod.ts";
import { type RingQuestion, RngProbe } from "./session.ts";

/** What legal drivers do. */
export const basicQuestions: readonly RingQuestion[] = [
  {
    name: "one-buffer",
    title: "one buffer to write",
    spec: "virtio 1.4, 2.7.5",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ flags: W }], 5);
      return p.go();
    },
  },
  {
    name: "two-segments",
    title: "a chain of two buffers",
    spec: "virtio 1.4, 2.7.5",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ len: 20, flags: W }, { addr: buffer(1), len: 30, flags: W }], 2);
      return p.go();
    },
  },
  {
    name: "readable-first",
    title: "a buffer to read, then one to write",
    spec: "virtio 1.4, 2.7.4.2",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ len: 8 }, { addr: buffer(1), len: 40, flags: W }]);
      return p.go();
    },
  },
  {
    name: "only-readable",
    title: "only a buffer to read: nothing to fill",
    spec: "virtio 1.4, 5.4.6.1",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ len: 8 }]);
      const alone = p.go();
      p.ring.chain([{ flags: W }], 3);
      return { alone, "and one to write": p.go() };
    },
  },
  {
    name: "several-chains",
    title: "chains of several lengths behind one notification",
    spec: "virtio 1.4, 2.7.13",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      [1, 2, 3, 17].forEach((len, i) => p.ring.chain([{ addr: buffer(i), len, flags: W }], i));
      return p.go();
    },
  },
  {
    name: "full-ring",
    title: "as many chains as the queue has descriptors, twice",
    spec: "virtio 1.4, 2.7.6",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      return [0, 1].map(() => {
        for (let i = 0; i < 8; i++) p.ring.chain([{ addr: buffer(i), len: 4, flags: W }], i);
        return p.go();
      });
    },
  },
  {
    name: "laps",
    title: "more chains than the ring has room for, one after the other",
    spec: "virtio 1.4, 2.7.6",
    run(front, kind) {
      const p = new RngProbe(front, kind, { size: 4 });
      return Array.from({ length: 11 }, (_, i) => {
        p.ring.chain([{ len: i + 1, flags: W }], i % 4);
        return p.go();
      });
    },
  },
  {
    name: "laps-of-chains",
    title: "chains of three in a ring of five: descriptors wrap inside a chain",
    spec: "virtio 1.4, 2.8.1",
    run(front, kind) {
      const p = new RngProbe(front, kind, { size: 5 });
      return Array.from({ length: 7 }, (_, i) => {
        p.ring.chain([{ len: 3, flags: W }, { addr: buffer(1), len: 4, flags: W }, {
          addr: buffer(2),
          len: 5,
          flags: W,
        }], i % 5);
        return p.go();
      });
    },
  },
  ...[1, 2, 3, 7, 256, 1024].map((size): RingQuestion => ({
    name: `size-${size}`,
    title: `a queue of ${size}`,
    spec: "virtio 1.4, 2.7",
    run(front, kind) {
      const p = new RngProbe(front, kind, { size });
      return Array.from({ length: 5 }, (_, i) => {
        p.ring.chain([{ len: 5 + i, flags: W }], i % size);
        return p.go();
      });
    },
  })),
  {
    name: "chain-as-long-as-ring",
    title: "one chain of all descriptors",
    spec: "virtio 1.4, 2.7.5.2",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      const list = Array.from({ length: 8 }, (_, i) => ({ addr: buffer(i), len: 2, flags: W }));
      p.ring.chain(list);
      const first = p.go();
      p.ring.chain(list);
      return [first, p.go()];
    },
  },
  {
    name: "large-buffer",
    title: "64 KiB in one buffer, and 128 KiB",
    spec: "virtio 1.4, 2.7.5",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ len: 0x1_0000, flags: W }], 1);
      const first = p.go();
      p.ring.chain([{ len: 0x2_0000, flags: W }], 2);
      return [first, p.go()];
    },
  },
  {
    name: "idx-wraps",
    title: "avail.idx runs over 65535",
    spec: "virtio 1.4, 2.7.6",
    ring: "split",
    transport: "pci",
    run(front, kind) {
      const p = new RngProbe(front, kind, { size: 1024 });
      for (let round = 0; round < 63; round++) {
        for (let i = 0; i < 1024; i++) p.ring.chain([{ len: 1, flags: W }], i);
        p.front.kick(0);
        p.front.run();
        p.ring.takeUsed();
      }
      p.outcome();
      for (let i = 0; i < 1020; i++) p.ring.chain([{ len: 1, flags: W }], i);
      p.front.kick(0);
      p.front.run();
      p.ring.takeUsed();
      p.outcome();
      for (let i = 0; i < 9; i++) p.ring.chain([{ len: 10 + i, flags: W }], i);
      return p.go();
    },
  },
  {
    name: "idx-wraps-odd",
    title: "avail.idx runs over 65535 with a size that does not divide 65536",
    spec: "virtio 1.4, 2.7.6",
    ring: "split",
    transport: "pci",
    run(front, kind) {
      const p = new RngProbe(front, kind, { size: 1000 });
      let left = 65530;
      while (left > 0) {
        const n = Math.min(left, 1000);
        for (let i = 0; i < n; i++) p.ring.chain([{ len: 1, flags: W }], i);
        p.front.kick(0);
        p.front.run();
        p.ring.takeUsed();
        left -= n;
      }
      p.outcome();
      for (let i = 0; i < 12; i++) p.ring.chain([{ len: 10 + i, flags: W }], i);
      return p.go();
    },
  },
  {
    name: "same-head-twice",
    title: "one chain made available twice",
    spec: "virtio 1.4, 2.7.13.1",
    ring: "split",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ flags: W }], 4);
      p.ring.publish(4);
      return p.go();
    },
  },
  {
    name: "unused-next",
    title: "next without the NEXT flag means nothing",
    spec: "virtio 1.4, 2.7.5",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ flags: W, next: kind === "split" ? 77 : 3 }], 3);
      return p.go();
    },
  },
  {
    name: "unknown-flags",
    title: "flags that no one defined",
    spec: "virtio 1.4, 2.7.5",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ flags: W | 0x7f78 & ~(N | I) & ~0x80 }], 1);
      return p.go();
    },
  },
  {
    name: "id-anything",
    title: "ids that are no index come back as they are",
    spec: "virtio 1.4, 2.8.13",
    ring: "packed",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      return [0xffff, 0x8000, 8, 9].map((id) => {
        p.ring.chain([{ flags: W }], id);
        return p.go();
      });
    },
  },
  {
    name: "id-of-last",
    title: "which descriptor of a chain names it",
    spec: "virtio 1.4, 2.8.6",
    ring: "packed",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.putPacked({ flags: W | N, next: 1 });
      p.ring.putPacked({ flags: W | N, next: 2, addr: buffer(1) });
      p.ring.putPacked({ flags: W, next: 3, addr: buffer(2) });
      return p.go();
    },
  },
  {
    name: "only-first-available",
    title: "only the first descriptor of a chain has its bits",
    spec: "virtio 1.4, 2.8.6",
    ring: "packed",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.put(p.ring.desc + 16, { flags: W, next: 6, addr: buffer(1) });
      p.ring.putPacked({ flags: W | N, next: 6 });
      return p.go();
    },
  },
  {
    name: "wrong-wrap",
    title: "a descriptor with the bits of the other round",
    spec: "virtio 1.4, 2.8.1",
    ring: "packed",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.wrap = 0;
      p.ring.putPacked({ flags: W });
      const wrong = p.go();
      p.ring.wrap = 1;
      p.ring.slot = 0;
      p.ring.putPacked({ flags: W });
      return { wrong, right: p.go() };
    },
  },
  {
    name: "both-bits",
    title: "AVAIL and USED both set, both clear",
    spec: "virtio 1.4, 2.8.1",
    ring: "packed",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.put(p.ring.desc, { flags: W | 0x8080 });
      p.front.kick(0);
      p.front.run();
      const both = p.front.memory.getUint16(p.ring.desc + 14, true);
      p.ring.put(p.ring.desc, { flags: W });
      return { both, none: p.go(), flags: p.front.memory.getUint16(p.ring.desc + 14, true) };
    },
  },
];
