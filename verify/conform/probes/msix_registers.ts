import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import type { Check, Value } from "../check.ts";
import type { PciFront } from "../driver/mod.ts";
import { checksOf, MACHINES, type Probe } from "./session.ts";

const MSIX = "PCI 3.0, 6.8.2", VECTORS = "virtio 1.4, 4.1.5.1.2";
const ENABLE = 0x8000, MASK = 0x4000;
const NONE = 0xffff;

const probes: readonly Probe<PciFront>[] = [
  {
    name: "vectors-read-back",
    title: "vectors in and out of range, of queues that exist and others",
    spec: VECTORS,
    run: (d) =>
      [0, 1, 2, 3, 0x7ff, 0x8000, 0xfffe, NONE, 0].map((vector) => [
        d.assign("config", vector),
        d.assign(0, vector),
        d.assign(1, vector),
        d.assign(1023, vector),
      ]),
  },
  {
    name: "vectors-queue-reset",
    title: "the vector of a queue that is reset, which exists or not",
    spec: "virtio 1.4, 2.6.1",
    run: (d) =>
      [0, 1, 1023].map((queue) => {
        const before = d.assign(queue, 1);
        d.write(C.QUEUE_RESET, 1, 2);
        return [before, d.read(C.QUEUE_MSIX_VECTOR, 2)];
      }),
  },
  {
    name: "vectors-narrow",
    title: "vectors written by every width",
    spec: VECTORS,
    run: (d) =>
      ([[C.CONFIG_MSIX_VECTOR, 1], [C.CONFIG_MSIX_VECTOR, 4], [C.CONFIG_MSIX_VECTOR + 1, 1], [
        C.QUEUE_MSIX_VECTOR,
        1,
      ], [C.QUEUE_MSIX_VECTOR, 4]] as const).map(([at, width]) => {
        d.assign("config", NONE);
        d.assign(0, NONE);
        d.write(at, 0x0001_0001, width);
        return [d.read(C.CONFIG_MSIX_VECTOR, 2), d.read(C.QUEUE_MSIX_VECTOR, 2)];
      }),
  },
  {
    name: "table-writes",
    title: "the table written by every width, reserved bits of vector control",
    spec: MSIX,
    run(d) {
      const at = d.bases.msix;
      const row = () => [0, 4, 8, 12, 16, 20, 24, 28].map((o) => d.load(at + o, 4));
      const steps: Value[] = [row()];
      for (
        const [offset, width, value] of [
          [0, 4, 0xffff_ffff],
          [4, 4, 0x1234_5678],
          [8, 2, 0xffff],
          [8, 1, 0xff],
          [9, 4, 0x0102_0304],
          [12, 4, 0xffff_fffe],
          [12, 4, 0],
          [12, 1, 1],
          [32, 4, 0x5555_5555],
          [0x7fc, 4, 0x5555_5555],
          [0x800, 4, 0xffff_ffff],
          [0x804, 4, 0xffff_ffff],
          [0xffc, 4, 0x5555_5555],
        ] as const
      ) {
        d.store(at + offset, width, value);
        steps.push([
          row(),
          d.load(at + 0x7fc, 4),
          d.load(at + 0x800, 4),
          d.load(at + 0x804, 4),
          d.load(at + 0xffc, 4),
        ]);
      }
      return steps;
    },
  },
  {
    name: "control-writes",
    title: "message control by bytes and words, read-only bits",
    spec: "PCI 3.0, 6.8.2.3",
    run: (d) =>
      ([[2, 2, 0xffff], [2, 2, 0], [3, 1, 0xff], [3, 1, 0], [2, 1, 0xff], [0, 4, 0xffff_ffff], [0, 4, 0], [
        4,
        4,
        0xffff_ffff,
      ], [
        8,
        4,
        0xffff_ffff,
      ]] as const).map(([at, width, value]) => {
        d.cfg.write(d.msix + at, value, width);
        return [d.cfg.read(d.msix), d.cfg.read(d.msix + 4), d.cfg.read(d.msix + 8)];
      }),
  },
  {
    name: "legacy-header",
    title: "MSI-X moves the configuration behind the legacy ports",
    spec: "virtio 1.4, 4.1.4.10",
    run: (d) => {
      const read = () =>
        Array.from({ length: 12 }, (_, i) => d.world.platform.portRead(d.bases.legacy + 16 + i, 1));
      const off = read();
      d.msixControl = ENABLE;
      const on = read();
      d.msixControl = MASK;
      const masked = read();
      d.msixControl = 0;
      return [off, on, masked];
    },
  },
];

/** What of MSI-X can be written, and what reads back. */
export const msixRegisterChecks: readonly Check[] = checksOf("rng-pci/msix", MACHINES.rng.pci, probes);
