import type { Front, MmioFront } from "../driver/mod.ts";
import type { Check, Value } from "../check.ts";
import { PciFront } from "../driver/mod.ts";
import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { machineWords } from "../static/variants.ts";
import { checksOf, MACHINES, PACKED, type Probe, VERSION_1 } from "./session.ts";

const FEATURES = "virtio 1.4, 2.2.1", STATUS = "virtio 1.4, 2.1.1";

/** What the driver's feature words read back; MMIO has no such register. */
function readBack(d: Front): Value {
  if (!(d instanceof PciFront)) return "write-only";
  return [0, 1, 2].map((i) => {
    d.write(C.DRIVER_FEATURE_SELECT, i);
    return d.read(C.DRIVER_FEATURE);
  });
}

/** Writes status values one after the other; what each reads back. */
const statuses = (d: Front, values: readonly number[]): number[] =>
  values.map((value) => {
    d.status = value;
    return d.status;
  });

/** Negotiates nothing in particular and shows whether the device works with the split ring: its status at DRIVER_OK. */
const finish = (d: Front): number[] => statuses(d, [15]);

const common: readonly Probe[] = [
  {
    name: "accept-all-bits",
    title: "a driver that accepts everything, also what nobody offered",
    spec: FEATURES,
    run(d) {
      const status = d.negotiate(0xffff_ffff_ffff_ffffn);
      return { status, words: readBack(d), then: finish(d) };
    },
  },
  {
    name: "accept-nothing",
    title: "a driver that accepts nothing, not even VERSION_1",
    spec: "virtio 1.4, 6.1",
    run: (d) => ({ status: d.negotiate(0n), words: readBack(d), then: finish(d) }),
  },
  {
    name: "accept-offered",
    title: "a driver that accepts what is offered",
    spec: FEATURES,
    run: (d) => ({ status: d.negotiate(d.features), words: readBack(d), then: finish(d) }),
  },
  {
    name: "packed-without-version-1",
    title: "RING_PACKED without VERSION_1",
    spec: FEATURES,
    run: (d) => ({ status: d.negotiate(PACKED), words: readBack(d), then: finish(d) }),
  },
  {
    name: "each-bit",
    title: "each bit accepted alone",
    spec: FEATURES,
    run: (d) =>
      Array.from({ length: 64 }, (_, i) => {
        const status = d.negotiate(1n << BigInt(i));
        const words = readBack(d);
        const then = finish(d);
        d.status = 0;
        return [status, words, then];
      }),
  },
  {
    name: "write-after-features-ok",
    title: "feature words written after FEATURES_OK",
    spec: "virtio 1.4, 3.1.1",
    run(d) {
      d.negotiate(VERSION_1 | 1n << 28n);
      d.accept(0, 0);
      d.accept(1, 0);
      return { words: readBack(d), status: d.status, then: finish(d) };
    },
  },
  {
    name: "select-2-and-more",
    title: "feature words 2 and up: written, read back, and what happens to words 0 and 1",
    spec: "virtio 1.4, 4.1.4.3",
    run(d) {
      d.status = 3;
      d.accept(0, 0x1000_0000);
      d.accept(1, 1);
      for (const i of [2, 3, 0x8000_0000, 0xffff_ffff]) d.accept(i, 0x5555_5555);
      const words = readBack(d);
      d.status = 11;
      return { words, status: d.status };
    },
  },
  {
    name: "features-ok-again",
    title: "FEATURES_OK taken back, other features, FEATURES_OK again, without a reset",
    spec: "virtio 1.4, 3.1.1",
    run(d) {
      d.negotiate(VERSION_1 | PACKED);
      d.status = 3;
      d.accept(1, 1);
      const words = readBack(d);
      return { words, status: statuses(d, [11, 15]) };
    },
  },
  {
    name: "words-in-other-order",
    title: "the high word first, the low word twice",
    spec: FEATURES,
    run(d) {
      d.status = 3;
      d.accept(1, 1);
      d.accept(0, 0x1000_0000);
      d.accept(0, 0x2000_0000);
      d.status = 11;
      return { words: readBack(d), status: d.status };
    },
  },
  {
    name: "words-stay-over-reset",
    title: "feature words after a device reset",
    spec: "virtio 1.4, 2.4.1",
    run(d) {
      d.negotiate(VERSION_1 | 1n << 28n);
      d.status = 0;
      return { words: readBack(d), status: statuses(d, [1, 3, 11]) };
    },
  },
  {
    name: "every-status",
    title: "every status value, each after a reset",
    spec: STATUS,
    run: (d) =>
      Array.from({ length: 256 }, (_, value) => {
        d.status = 0;
        d.status = value;
        return d.status;
      }),
  },
  {
    name: "fewer-bits",
    title: "status bits taken back one by one",
    spec: STATUS,
    run: (d) => statuses(d, [15, 14, 12, 8, 1, 3, 11, 15, 7, 3, 1, 0]),
  },
  {
    name: "needs-reset-written",
    title: "the driver writes DEVICE_NEEDS_RESET and FAILED itself",
    spec: STATUS,
    run: (d) => statuses(d, [64, 128, 192, 79, 143, 0, 255, 0]),
  },
  {
    name: "driver-ok-first",
    title: "DRIVER_OK before anything else",
    spec: "virtio 1.4, 3.1.1",
    run: (d) => statuses(d, [4, 5, 7, 15, 11, 15]),
  },
];

const pciOnly: readonly Probe<PciFront>[] = [
  {
    name: "status-widths",
    title: "the status register, and its neighbour, written by every width",
    spec: "virtio 1.4, 4.1.3.1",
    run: (d) =>
      ([
        [C.DEVICE_STATUS, 1],
        [C.DEVICE_STATUS, 2],
        [C.DEVICE_STATUS, 4],
        [C.CONFIG_GENERATION, 1],
        [
          C.NUM_QUEUES,
          4,
        ],
        [C.DEVICE_STATUS - 1, 4],
        [C.DEVICE_STATUS - 1, 2],
      ] as const).map(([at, width]) => {
        d.status = 0;
        d.status = 1;
        d.write(at, 0x0303_0303, width);
        return [d.status, d.read(C.CONFIG_GENERATION, 1), d.read(C.QUEUE_SELECT, 2)];
      }),
  },
  {
    name: "feature-widths",
    title: "feature registers written by bytes and words",
    spec: "virtio 1.4, 4.1.3.1",
    run(d) {
      d.write(C.DRIVER_FEATURE_SELECT, 0);
      d.write(C.DRIVER_FEATURE, 0x3000_0000);
      const results: Value[] = [];
      for (const [at, width] of [[0, 1], [1, 1], [2, 2], [3, 1], [0, 2]] as const) {
        d.write(C.DRIVER_FEATURE + at, 0x1111_1111, width);
        results.push(d.read(C.DRIVER_FEATURE));
      }
      for (const [at, width] of [[0, 1], [1, 1], [2, 2], [0, 2]] as const) {
        d.write(C.DRIVER_FEATURE_SELECT + at, 0x0101_0101, width);
        results.push(d.read(C.DRIVER_FEATURE_SELECT));
      }
      d.write(C.DRIVER_FEATURE_SELECT, 0);
      return results;
    },
  },
  {
    name: "across-registers",
    title: "reads and writes across the boundary of two registers: they are made in aligned pieces",
    spec: "virtio 1.4, 4.1.3.1",
    run(d) {
      d.write(C.DEVICE_FEATURE_SELECT, 1);
      d.write(C.DRIVER_FEATURE_SELECT, 0x8765_4321);
      d.write(C.QUEUE_SELECT, 5, 2);
      const across = () =>
        [1, 2, 3, 5, 6, 7, 9, 10, 11, 0x11, 0x12, 0x13, 0x15, 0x16, 0x17, 0x19, 0x1a, 0x1b, 0x1d, 0x1e, 0x1f]
          .map((at) => d.read(at));
      const before = across();
      d.write(6, 0x0001_ffff);
      const after = across();
      d.write(0x12, 0x0003_ffff);
      const status = d.status;
      d.write(0x15, 0xffff_00ff);
      return { before, after, status, selected: d.read(C.QUEUE_SELECT, 2) };
    },
  },
  {
    name: "read-only",
    title: "registers that the driver must not write",
    spec: "virtio 1.4, 4.1.4.3",
    run(d) {
      for (
        const [at, width] of [[C.DEVICE_FEATURE, 4], [C.NUM_QUEUES, 2], [C.CONFIG_GENERATION, 1], [
          C.QUEUE_NOTIFY_OFF,
          2,
        ]] as const
      ) d.write(at, 0xffff_ffff, width);
      return [d.read(C.DEVICE_FEATURE), d.read(C.NUM_QUEUES, 2), d.read(C.CONFIG_GENERATION, 1), d.status];
    },
  },
];

const mmioOnly: readonly Probe<MmioFront>[] = [
  {
    name: "status-widths",
    title: "the status register written by every width, and by more than a byte",
    spec: "virtio 1.4, 4.2.2.2",
    run: (d) =>
      ([[0, 1, 3], [0, 2, 3], [1, 1, 3], [2, 2, 3], [0, 4, 0x103], [0, 4, 0xffff_ff0f], [
        0,
        4,
        0x100,
      ]] as const).map(
        ([at, width, value]) => {
          d.status = 0;
          d.status = 1;
          d.write(R.STATUS + at, value, width);
          return d.status;
        },
      ),
  },
];

/** ACCESS_PLATFORM offered, which the driver must accept. */
const platform: readonly Probe[] = [
  {
    name: "without",
    title: "iommu_platform=on, not accepted: FEATURES_OK is refused",
    spec: "virtio 1.4, 6.1",
    run: (d) => ({ status: d.negotiate(VERSION_1), words: readBack(d), then: statuses(d, [11, 15, 7]) }),
  },
  {
    name: "with",
    title: "iommu_platform=on, accepted",
    spec: "virtio 1.4, 6.1",
    run: (d) => ({ status: d.negotiate(VERSION_1 | 1n << 33n), words: readBack(d), then: statuses(d, [15]) }),
  },
  {
    name: "without-version-1",
    title: "iommu_platform=on, neither it nor VERSION_1 accepted",
    spec: "virtio 1.4, 6.1",
    run: (d) => ({ status: d.negotiate(0n), words: readBack(d), then: statuses(d, [15]) }),
  },
];

/** Features and status. */
export const negotiationChecks: readonly Check[] = [
  ...checksOf("rng-pci/negotiation", MACHINES.rng.pci, [...common, ...pciOnly]),
  ...checksOf("rng-mmio/negotiation", MACHINES.rng.mmio, [...common, ...mmioOnly]),
  ...checksOf("console-pci/negotiation", MACHINES.console.pci, common),
  ...checksOf("console-mmio/negotiation", MACHINES.console.mmio, common),
  ...checksOf(
    "rng-pci/access-platform",
    machineWords("q35", "-device virtio-rng-pci,rng=r0,disable-legacy=on,iommu_platform=on,packed=on,addr=4"),
    platform,
  ),
  ...checksOf(
    "rng-mmio/access-platform",
    machineWords(
      "microvm",
      "-global virtio-mmio.force-legacy=false -device virtio-rng-device,rng=r0,iommu_platform=on,packed=on",
    ),
    platform,
  ),
];
