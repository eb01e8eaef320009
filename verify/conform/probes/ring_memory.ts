import { buffer, type Desc, type Front, W } from "../driver/mod.ts";
import type { Value } from "../check.ts";
import { RAM } from "../static/variants.ts";
import { hangsIfPacked, type RingKind, type RingQuestion, RngProbe } from "./session.ts";

const ADDRESS = "virtio 1.4, 2.7.5", AREAS = "virtio 1.4, 4.1.4.3.2";
/** Bytes at the start of RAM that nobody uses: what a stray write would hit. */
const LOW = 0x1000;

/** One chain, then another one: a device that gives up serves neither. */
function twice(front: Front, kind: RingKind, list: readonly Desc[]): Value {
  const p = new RngProbe(front, kind);
  p.ring.chain(list, 1);
  const first = p.go();
  p.ring.chain([{ addr: buffer(9), flags: W }], 4);
  return { first, second: p.go() };
}

/** Buffers at addresses of all kinds. */
const places: readonly [name: string, title: string, list: readonly Desc[], mayHang?: true][] = [
  ["outside-ram", "outside RAM", [{ addr: 0x5000_0000, flags: W }]],
  ["outside-page", "outside RAM, a page", [{ addr: 0x5000_0000, len: 4096, flags: W }]],
  [
    "outside-more-than-page",
    "outside RAM, more than a page",
    [{ addr: 0x5000_0000, len: 4097, flags: W }],
    true,
  ],
  ["outside-twice", "two buffers outside RAM in one chain", [{ addr: 0x5000_0000, flags: W }, {
    addr: 0x6000_0000,
    flags: W,
  }], true],
  ["outside-and-inside", "one outside RAM, one inside", [{ addr: 0x5000_0000, len: 16, flags: W }, {
    len: 32,
    flags: W,
  }]],
  ["inside-and-outside", "one inside RAM, one outside", [{ len: 32, flags: W }, {
    addr: 0x5000_0000,
    len: 16,
    flags: W,
  }]],
  ["readable-outside", "a readable one outside RAM", [{ addr: 0x5000_0000, len: 16 }, { len: 32, flags: W }]],
  ["end-of-ram", "the last bytes of RAM", [{ addr: RAM - 16, len: 16, flags: W }]],
  ["over-end-of-ram", "across the end of RAM", [{ addr: RAM - 16, len: 32, flags: W }]],
  ["over-end-of-ram-page", "across the end of RAM, more than a page beyond", [{
    addr: RAM - 16,
    len: 8192,
    flags: W,
  }], true],
  ["edge-of-4-gib", "across 4 GiB", [{ addr: 0xffff_f000, len: 0x2000, flags: W }], true],
  ["above-4-gib", "above 4 GiB", [{ addr: 0x1_0000_0000n, flags: W }]],
  ["far-above", "far above everything", [{ addr: 0x10_0000_0000_0000n, flags: W }]],
  [
    "wraps",
    "the end of all addresses, and round",
    [{ addr: 0xffff_ffff_ffff_ffc0n, len: 128, flags: W }],
    true,
  ],
  ["last-bytes", "the end of all addresses", [{ addr: 0xffff_ffff_ffff_ffc0n, len: 64, flags: W }]],
  ["address-0", "address 0", [{ addr: 0, flags: W }]],
  ["more-than-ram", "a length of more than RAM", [{ len: 0x0800_0000, flags: W }], true],
];

/** Areas at places of all kinds. `undefined`: where they usually are. */
const areas: readonly [
  name: string,
  title: string,
  at: { desc?: number; driver?: number; device?: number },
][] = [
  ["desc-0", "descriptors at address 0: not set up", { desc: 0 }],
  ["desc-outside", "descriptors outside RAM", { desc: 0x5000_0000 }],
  ["driver-outside", "driver area outside RAM", { driver: 0x5000_0000 }],
  ["device-outside", "device area outside RAM", { device: 0x5000_0000 }],
  ["desc-over-end", "descriptors across the end of RAM", { desc: RAM - 64 }],
  ["desc-above", "descriptors above 4 GiB", { desc: 0x1_0000_0000 }],
];

/** Writes rings that lie elsewhere only where there is RAM. */
function withAreas(
  front: Front,
  kind: RingKind,
  at: { desc?: number; driver?: number; device?: number },
): Value {
  const p = new RngProbe(front, kind);
  front.rewind();
  front.negotiate(1n << 32n | (kind === "packed" ? 1n << 34n : 0n));
  front.setQueue({
    index: 0,
    size: 8,
    desc: p.ring.desc,
    driver: p.ring.driver,
    device: p.ring.device,
    ...at,
  });
  const enabled = front.status;
  front.status = 15;
  front.run();
  const running = front.status;
  front.bytes(0, LOW).fill(0);
  p.ring.chain([{ flags: W }], 2);
  front.kick(0);
  front.run();
  const low = front.bytes(0, LOW);
  const touched = [...low.keys()].filter((at) => low[at] !== 0).map((at) => [at, low[at]]);
  low.fill(0);
  return { enabled, running, outcome: p.outcome(), low: touched };
}

/** Where buffers and rings lie. */
export const memoryQuestions: readonly RingQuestion[] = [
  ...places.flatMap(([name, title, list, mayHang]): RingQuestion[] => {
    const question: RingQuestion = {
      name: `buffer-${name}`,
      title: `a buffer: ${title}`,
      spec: ADDRESS,
      run: (front, kind) => twice(front, kind, list),
    };
    // What crosses 4 GiB ends in the firmware, which is RAM on microvm.
    const on = { ...question, ...name === "edge-of-4-gib" ? { transport: "pci" as const } : {} };
    if (!mayHang) return [on];
    return name === "outside-more-than-page" ? hangsIfPacked(on) : [{ ...on, ring: "split" }];
  }),
  ...areas.map(([name, title, at]): RingQuestion => ({
    name: `areas-${name}`,
    title,
    spec: AREAS,
    run: (front, kind) => withAreas(front, kind, at),
  })),
  {
    name: "areas-end-of-ram",
    title: "driver and device area in the last bytes of RAM",
    spec: AREAS,
    run(front, kind) {
      const [driver, device] = kind === "split" ? [RAM - 256, RAM - 70] : [RAM - 8, RAM - 4];
      front.bytes(RAM - 256, 256).fill(0);
      const p = new RngProbe(front, kind, { at: { driver, device } });
      p.ring.chain([{ flags: W }], 3);
      const result = p.go();
      return result;
    },
  },
  {
    name: "areas-unaligned",
    title: "areas at odd addresses",
    spec: "virtio 1.4, 2.7",
    run(front, kind) {
      const p = new RngProbe(front, kind, { at: { desc: 0x10_0001, driver: 0x10_4003, device: 0x10_8005 } });
      p.ring.chain([{ flags: W }], 3);
      return p.go();
    },
  },
  {
    name: "areas-move",
    title: "a queue enabled again at another place",
    spec: AREAS,
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ flags: W }], 1);
      const before = p.go();
      const q = new RngProbe(front, kind, { at: { desc: 0x11_0000, driver: 0x11_4000, device: 0x11_8000 } });
      q.ring.chain([{ flags: W }], 2);
      return { before, after: q.go() };
    },
  },
  {
    name: "device-writes-in-ring",
    title: "a buffer that is the descriptor table itself",
    spec: ADDRESS,
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ addr: p.ring.desc + 64, len: 16, flags: W }], 1);
      return p.go();
    },
  },
];
