import { Msix } from "../../../spec/pci.ts";
import { CommonCfg as C, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";
import type { Check, Value } from "../check.ts";
import { type PciFront, W } from "../driver/mod.ts";
import { machineWords } from "../static/variants.ts";
import { checksOf, MACHINES, type Probe, RngProbe } from "./session.ts";

const NOTIFY = "virtio 1.4, 4.1.5.2", WINDOW = "virtio 1.4, 4.1.4.9";

/** Whether a write to the notification area makes the device look at queue 0. */
function heard(
  d: PciFront,
  attempts: readonly (readonly [offset: number, width: 1 | 2 | 4, value: number])[],
): Value {
  const p = new RngProbe(d, "split");
  const answers: Record<string, string> = {};
  let head = 0;
  for (const [offset, width, value] of attempts) {
    p.ring.chain([{ len: 8, flags: W }], head++ % 8);
    d.store(d.notify + offset, width, value);
    d.run();
    const served = p.ring.takeUsed().length > 0;
    answers[`+0x${offset.toString(16)} width ${width} value ${value}`] = served ? "processed" : "ignored";
    if (!served) {
      d.kick(0);
      d.run();
      p.ring.takeUsed();
    }
    p.outcome();
  }
  return answers;
}

/** Reads and writes through the window in configuration space. */
class Window {
  constructor(readonly d: PciFront) {}
  point(offset: number, length: number, bar = 4): void {
    const { cfg, window } = this.d;
    cfg.write(window + Cap.BAR, bar, 1);
    cfg.write(window + Cap.OFFSET, offset);
    cfg.write(window + Cap.LENGTH, length);
  }
  read(width: 1 | 2 | 4 = 4, at = 0): number {
    return this.d.cfg.read(this.d.window + Cap.EXTRA + at, width);
  }
  write(value: number, width: 1 | 2 | 4 = 4, at = 0): void {
    this.d.cfg.write(this.d.window + Cap.EXTRA + at, value, width);
  }
}

const probes: readonly Probe<PciFront>[] = [
  {
    name: "widths",
    title: "notifications of every width",
    spec: NOTIFY,
    run: (d) => heard(d, [[0, 2, 0], [0, 4, 0], [0, 1, 0]]),
  },
  {
    name: "values",
    title: "the value written does not matter, the address does",
    spec: NOTIFY,
    run: (d) => heard(d, [[0, 2, 5], [0, 2, 0xffff], [0, 4, 0xffff_ffff], [0, 1, 0xff]]),
  },
  {
    name: "addresses",
    title: "every address near queue 0, and the last of the area",
    spec: NOTIFY,
    run: (d) =>
      heard(d, [
        ...[1, 2, 3, 4, 5, 8, 0x10, 0x7c, 0x80, 0xffc].map((at) => [at, 1, 0] as const),
        ...[1, 2, 3, 4, 6, 8].map((at) => [at, 2, 0] as const),
        ...[1, 2, 3, 4].map((at) => [at, 4, 0] as const),
        ...[-1, -2, -3, -4].map((at) => [at, 4, 0] as const),
        [-1, 2, 0],
      ]),
  },
  {
    name: "reads",
    title: "reads of the notification area",
    spec: NOTIFY,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const values = [0, 1, 2, 4, 0x80].flatMap((at) =>
        ([1, 2, 4] as const).map((width) => d.load(d.notify + at, width))
      );
      d.run();
      return { values, outcome: p.outcome() };
    },
  },
  {
    name: "twice",
    title: "two notifications for one chain",
    spec: NOTIFY,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      d.kick(0);
      d.kick(0);
      return [p.go(false), p.go()];
    },
  },
  {
    name: "window-reads",
    title: "every register through the pci_cfg window, by every length",
    spec: WINDOW,
    run(d) {
      const w = new Window(d);
      const results: Record<string, Value> = {};
      for (const length of [1, 2, 4] as const) {
        results[length] = Array.from({ length: 0x40 / length }, (_, i) => {
          w.point(i * length, length);
          return w.read(length);
        });
      }
      return results;
    },
  },
  {
    name: "window-lengths",
    title: "lengths that are none: 0, 3, 5, 8, 256",
    spec: WINDOW,
    run(d) {
      const w = new Window(d);
      return [0, 3, 5, 8, 256, 0xffff_ffff].map((length) => {
        w.point(C.NUM_QUEUES, 2);
        const before = w.read();
        w.point(0, length);
        return [before, w.read(), w.read(1), w.read(2, 2)];
      });
    },
  },
  {
    name: "window-offsets",
    title: "offsets that are unaligned or outside",
    spec: WINDOW,
    run(d) {
      const w = new Window(d);
      const results: Record<string, Value> = {};
      for (
        const offset of [
          1,
          2,
          3,
          0x12,
          0x13,
          0xfff,
          0x1000,
          0x1fff,
          0x2000,
          0x3000,
          0x3fff,
          0x4000,
          0x8000,
          0xffff_fffc,
          0xffff_ffff,
        ]
      ) {
        results[offset] = ([1, 2, 4] as const).map((length) => {
          w.point(offset, length);
          return w.read(length);
        });
      }
      return results;
    },
  },
  {
    name: "window-bars",
    title: "other BARs in the window",
    spec: WINDOW,
    run(d) {
      const w = new Window(d);
      return [0, 1, 2, 4, 5, 6, 255].map((bar) => {
        w.point(C.NUM_QUEUES, 2, bar);
        return w.read(2);
      });
    },
  },
  {
    name: "window-parts",
    title: "parts of the data register, and accesses across its ends",
    spec: WINDOW,
    run(d) {
      const w = new Window(d);
      w.point(C.NUM_QUEUES, 2);
      const parts = [w.read(1, 0), w.read(1, 1), w.read(2, 2), w.read(1, 3), w.read(4, -4), w.read(2, -2)];
      w.point(C.DEVICE_STATUS, 1);
      w.write(1, 1);
      const byte = d.status;
      w.write(0x0303, 2);
      const word = d.status;
      w.write(0x0b0b_0b0b, 4);
      const all = d.status;
      w.write(0x0f, 1, 1);
      return { parts, byte, word, all, "second byte": d.status, data: w.read() };
    },
  },
  {
    name: "window-status",
    title: "a whole negotiation through the window",
    spec: WINDOW,
    run(d) {
      const w = new Window(d);
      const put = (at: number, value: number, length: 1 | 2 | 4) => {
        w.point(at, length);
        w.write(value, length);
      };
      put(C.DEVICE_STATUS, 1, 1);
      put(C.DEVICE_STATUS, 3, 1);
      put(C.DRIVER_FEATURE_SELECT, 1, 4);
      put(C.DRIVER_FEATURE, 1, 4);
      put(C.DEVICE_STATUS, 11, 1);
      put(C.QUEUE_SELECT, 0, 2);
      put(C.QUEUE_SIZE, 16, 2);
      const size = d.read(C.QUEUE_SIZE, 2);
      put(C.DEVICE_STATUS, 15, 1);
      w.point(C.DEVICE_STATUS, 1);
      return [size, d.status, w.read(1)];
    },
  },
  {
    name: "window-notifies",
    title: "a notification through the window",
    spec: WINDOW,
    run(d) {
      const p = new RngProbe(d, "split");
      const w = new Window(d);
      return ([[0x3000, 2], [0x3000, 4], [0x3000, 1], [0x3004, 2], [0x3002, 2]] as const).map(
        ([at, length], i) => {
          p.ring.chain([{ flags: W }], i);
          w.point(at, length);
          w.write(0, length);
          d.run();
          return p.outcome();
        },
      );
    },
  },
  {
    name: "window-isr",
    title: "ISR through the window is read and cleared",
    spec: WINDOW,
    run(d) {
      const p = new RngProbe(d, "split");
      const w = new Window(d);
      p.ring.chain([{ flags: W }]);
      d.kick(0);
      d.run();
      w.point(0x1000, 1);
      const first = w.read(1);
      const after = d.world.takeLines();
      return [first, after, w.read(1), d.takeIsr()];
    },
  },
  {
    name: "window-without-decoding",
    title: "the window with memory decoding off",
    spec: WINDOW,
    run(d) {
      d.cfg.write(4, 0, 2);
      const w = new Window(d);
      w.point(C.NUM_QUEUES, 2);
      const read = w.read(2);
      d.cfg.write(4, 7, 2);
      return read;
    },
  },
  {
    name: "window-and-msix",
    title: "MSI-X control beside the window stays as it was",
    spec: WINDOW,
    run(d) {
      const w = new Window(d);
      w.point(0, 4);
      w.write(0xffff_ffff);
      return d.cfg.read(d.msix + Msix.CONTROL, 2);
    },
  },
];

/** With a page for each queue. */
const pages: readonly Probe<PciFront>[] = [
  {
    name: "pages",
    title: "page-per-vq: a notification anywhere in a queue's page",
    spec: NOTIFY,
    run: (d) =>
      heard(d, [
        [0, 2, 0],
        [2, 2, 0],
        [4, 2, 0],
        [0x800, 1, 0],
        [0xffe, 2, 0],
        [0xffc, 4, 0],
        [0x1000, 2, 0],
        [0x1004, 4, 0],
      ]),
  },
];

/** Notifications, and the window that makes all of it reachable without a BAR. */
export const notifyChecks: readonly Check[] = [
  ...checksOf("rng-pci/notify", MACHINES.rng.pci, probes),
  ...checksOf(
    "rng-pci/notify",
    machineWords("q35", "-device virtio-rng-pci,rng=r0,page-per-vq=on,addr=4"),
    pages,
  ),
];
