import { CommonCfg as C } from "../../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import { AFTER_FAILED, AFTER_NEEDS_RESET } from "../../../../verify/strict/rules/basic/failed.ts";
import {
  FREED_BEFORE_RESET_DONE,
  PCI_RESET_AWAITED,
  RESET_AWAITED,
  RESET_FIRST,
} from "../../../../verify/strict/rules/basic/reset.ts";
import {
  STATUS_BIT_CLEARED,
  STATUS_FOREIGN_BIT,
  STATUS_ORDER,
} from "../../../../verify/strict/rules/basic/status.ts";
import { type Bench, type Case, MMIO, PCI } from "./_bench.ts";

/** A device that answers a read of its status so. */
const statusSays = (b: Bench, value: number) =>
  b.isPci ? b.says(C.DEVICE_STATUS, 1, value) : b.says(R.STATUS, 4, value);
const status = { pci: "device_status", mmio: "status" };
const both = (text: (register: string) => string) => ({ pci: text(status.pci), mmio: text(status.mmio) });

/** The status register: order, bits, resets. */
export const STATUS_CASES: readonly Case[] = [
  {
    rule: STATUS_ORDER,
    what: "DRIVER without ACKNOWLEDGE",
    steps: (b) => b.upTo("reset").transport.setStatus(2),
    found: both((r) => `${r} was written with 0x2 (DRIVER) after 0`),
    expected: "ACKNOWLEDGE before DRIVER",
  },
  {
    rule: STATUS_ORDER,
    what: "DRIVER_OK without FEATURES_OK",
    steps: (b) => b.upTo("negotiate").transport.setStatus(7),
    found: both((r) => `${r} was written with 0x7 (ACKNOWLEDGE|DRIVER|DRIVER_OK) after ACKNOWLEDGE|DRIVER`),
    expected: "FEATURES_OK in a write before DRIVER_OK",
  },
  {
    rule: STATUS_ORDER,
    what: "FEATURES_OK and DRIVER_OK at once",
    steps: (b) => b.upTo("negotiate").transport.setStatus(15),
    found: both((r) =>
      `${r} was written with 0xf (ACKNOWLEDGE|DRIVER|DRIVER_OK|FEATURES_OK) after ACKNOWLEDGE|DRIVER`
    ),
    expected: "FEATURES_OK in a write before DRIVER_OK",
  },
  {
    rule: STATUS_BIT_CLEARED,
    what: "DRIVER_OK alone",
    steps: (b) => b.upTo("queues").transport.setStatus(4),
    found: both((r) =>
      `${r} was written with 0x4 (DRIVER_OK), which takes ACKNOWLEDGE|DRIVER|FEATURES_OK away`
    ),
    expected: "0xf (ACKNOWLEDGE|DRIVER|DRIVER_OK|FEATURES_OK)",
  },
  {
    rule: STATUS_FOREIGN_BIT,
    what: "an undefined bit",
    steps: (b) => b.upTo("queues").transport.setStatus(0x2f),
    found: both((r) => `${r} was written with 0x2f: the undefined bits 0x20`),
  },
  {
    rule: STATUS_FOREIGN_BIT,
    what: "SUSPEND without the feature",
    steps: (b) => b.upTo("live").transport.setStatus(0x1f),
    found: both((r) =>
      `${r} was written with 0x1f: SUSPEND, which was not negotiated or comes before DRIVER_OK`
    ),
  },
  {
    rule: STATUS_FOREIGN_BIT,
    what: "DEVICE_NEEDS_RESET",
    steps: (b) => b.upTo("live").transport.setStatus(0x4f),
    found: both((r) => `${r} was written with 0x4f: DEVICE_NEEDS_RESET, which is the device's to set`),
  },
  {
    rule: AFTER_FAILED,
    what: "a queue is enabled after FAILED",
    steps: (b) => {
      b.upTo("confirm").transport.setStatus(0x8b);
      b.transport.select(0);
      b.transport.enableQueue();
    },
    found: {
      pci: "queue_enable was written with 0x1 after FAILED",
      mmio: "queue_ready was written with 0x1 after FAILED",
    },
    expected: "0 written to the status (a reset) before anything else",
  },
  {
    rule: AFTER_FAILED,
    what: "a new attempt after FAILED, without a reset",
    steps: (b) => {
      b.upTo("acknowledge").transport.setStatus(0x83);
      b.transport.setStatus(1);
      b.transport.setStatus(3);
    },
    found: both((r) => `${r} was written with 0x3 after FAILED`),
  },
  {
    rule: AFTER_NEEDS_RESET,
    what: "a notification after DEVICE_NEEDS_RESET was read",
    steps: (b) => {
      b.upTo("live");
      statusSays(b, 0x4f);
      b.transport.notify(0, 0, b.isPci ? 2 : 4);
    },
    found: {
      pci: "notify was written with 0x0 after DEVICE_NEEDS_RESET was read",
      mmio: "queue_notify was written with 0x0 after DEVICE_NEEDS_RESET was read",
    },
    expected: "a reset of the device",
  },
  {
    rule: RESET_FIRST,
    what: "no reset",
    steps: (b) => b.upTo("discover").transport.setStatus(1),
    found: both((r) => `${r} was written with 0x1 (ACKNOWLEDGE), and never with 0`),
    expected: "0 written to the status, and read back, before ACKNOWLEDGE",
  },
  {
    rule: PCI_RESET_AWAITED,
    what: "the reset is not waited for",
    on: PCI,
    steps: (b) => {
      b.upTo("discover").transport.setStatus(0);
      b.transport.setStatus(1);
    },
    found: "device_status was written with 0x1 before the status was read as 0",
  },
  {
    rule: PCI_RESET_AWAITED,
    what: "the status reads 5 after the reset, and the driver goes on",
    on: PCI,
    steps: (b) => {
      b.upTo("discover").transport.setStatus(0);
      statusSays(b, 5);
      b.transport.setStatus(1);
    },
    found: "device_status was written with 0x1 before the status was read as 0",
  },
  {
    rule: RESET_AWAITED,
    what: "the reset is not waited for",
    on: MMIO,
    steps: (b) => {
      b.upTo("discover").transport.setStatus(0);
      b.transport.setStatus(1);
    },
    found: "status was written with 0x1 before the status was read as 0",
  },
  {
    rule: FREED_BEFORE_RESET_DONE,
    what: "rings are freed before the reset is done",
    steps: (b) => {
      b.upTo("live").transport.setStatus(0);
      b.student.rings[0].areas();
      b.student.ground.alloc.live().find((m) => m.owner.endsWith("desc"))!.free();
    },
    found: {
      pci: "student queue 0 desc (128 bytes at 0x100000) was freed after 0 was written to the status, " +
        "which has not been read as 0 yet",
      mmio: "student queue 0 desc (256 bytes at 0x100000) was freed after 0 was written to the status, " +
        "which has not been read as 0 yet",
    },
  },
];
