import { CommonCfg as C } from "../../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import { NOTIFY_ENABLED_QUEUE } from "../../../../verify/strict/rules/basic/notify.ts";
import {
  QUEUE_ALIGNMENT,
  QUEUE_AREA_ALLOCATED,
  QUEUE_IN_MEMORY,
  QUEUE_OVERLAP,
} from "../../../../verify/strict/rules/basic/queue_areas.ts";
import {
  MMIO_QUEUE_FROZEN,
  PCI_QUEUE_ENABLE_ZERO,
  PCI_QUEUE_FROZEN,
  QUEUE_WRITTEN_TWICE,
} from "../../../../verify/strict/rules/basic/queue_frozen.ts";
import {
  QUEUE_RESET_AWAITED,
  QUEUE_RESET_FEATURE,
} from "../../../../verify/strict/rules/basic/queue_reset.ts";
import {
  QUEUE_COMPLETE,
  QUEUE_ENABLED,
  QUEUE_EXISTS,
  QUEUE_SIZE,
  QUEUE_SIZE_MAX,
} from "../../../../verify/strict/rules/basic/queue_setup.ts";
import type { Areas } from "../../../drivers-gone-wrong/student/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { type Bench, type Case, MMIO, PCI } from "./_bench.ts";

const PACKED = [{ machine: "q35", ring: "packed" }, { machine: "microvm", ring: "packed" }] as const;

/** Queue 0 of 8 entries with these areas, enabled. */
function enable(b: Bench, areas: Areas, size = 8): void {
  const { transport } = b.upTo("confirm");
  transport.select(0);
  transport.queueMax();
  transport.setSize(size);
  transport.setAddresses(areas);
  transport.enableQueue();
}
/** Queue 0 is reset, and the driver does not wait. */
function resetQueue(b: Bench): void {
  b.transport.select(0);
  if (b.isPci) b.store(C.QUEUE_RESET, 2, 1);
  else b.store(R.QUEUE_RESET, 4, 1);
}
const AREAS: Areas = { desc: 0x20_0000, driver: 0x20_1000, device: 0x20_2000 };

/** Queues: what stands in their registers, in which order, and what may be done with them. */
export const QUEUE_CASES: readonly Case[] = [
  {
    rule: QUEUE_SIZE,
    what: "a split ring of six",
    steps: (b) => enable(b, AREAS, 6),
    found: {
      pci: "queue_size of queue 0 was written with 6",
      mmio: "queue_num of queue 0 was written with 6",
    },
    expected: "a power of two, 1 to 32768 (split ring)",
  },
  {
    rule: QUEUE_SIZE,
    what: "a packed ring of none",
    on: PACKED,
    steps: (b) => enable(b, AREAS, 0),
    found: {
      pci: "queue_size of queue 0 was written with 0",
      mmio: "queue_num of queue 0 was written with 0",
    },
    expected: "1 to 32768 (packed ring)",
  },
  {
    rule: QUEUE_SIZE_MAX,
    what: "more than the device allows",
    steps: (b) => enable(b, AREAS, 2048),
    found: {
      pci: "queue_size of queue 0 was written with 2048",
      mmio: "queue_num of queue 0 was written with 2048",
    },
    expected: { pci: "at most 8, which the device allows", mmio: "at most 1024, which the device allows" },
  },
  {
    rule: QUEUE_COMPLETE,
    what: "the device area is forgotten",
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      transport.select(0);
      transport.setSize(8);
      transport.setAddresses = ({ desc, driver }) => {
        if (b.isPci) {
          b.pci.setAddress(C.QUEUE_DESC, desc);
          b.pci.setAddress(C.QUEUE_DRIVER, driver);
        } else {
          b.mmio.setAddress(R.QUEUE_DESC_LOW, desc);
          b.mmio.setAddress(R.QUEUE_DRIVER_LOW, driver);
        }
      };
      transport.setAddresses(AREAS);
      transport.enableQueue();
    },
    found: "queue 0 was enabled, and its device area not written since the last reset",
    expected: "all registers of the queue written first",
  },
  {
    rule: QUEUE_COMPLETE,
    what: "after its reset a queue is enabled as it is",
    steps: (b) => {
      b.upTo("live").transport.select(0);
      b.transport.resetQueue();
      if (!b.isPci) b.transport.setSize(16);
      b.transport.enableQueue();
    },
    found:
      "queue 0 was enabled, and its descriptor area, driver area, device area not written since the last reset",
  },
  {
    rule: QUEUE_COMPLETE,
    what: "the size is neither read nor written",
    on: PCI,
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      transport.select(0);
      transport.setAddresses(AREAS);
      transport.enableQueue();
    },
    found: "queue 0 was enabled, and its size neither read nor written since the last reset",
  },
  {
    rule: QUEUE_EXISTS,
    what: "a queue that the device does not have",
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      transport.select(5);
      transport.queueMax();
      transport.setSize(8);
      transport.setAddresses(AREAS);
      transport.enableQueue();
    },
    found: "queue 5 was enabled, and the device has read 0 as its size",
  },
  {
    rule: QUEUE_ENABLED,
    what: "a queue that is described and not enabled",
    steps: (b) => {
      b.transport.enableQueue = () => {};
      b.upTo("live");
    },
    found: "DRIVER_OK was written, and queue 0 has addresses and is not enabled",
  },
  {
    rule: QUEUE_ALIGNMENT,
    what: "descriptors at a multiple of 8",
    steps: (b) => enable(b, { ...AREAS, desc: 0x20_0008 }),
    found: "the descriptor table of queue 0 is at 0x200008",
    expected: "a multiple of 16 (split ring)",
  },
  {
    rule: QUEUE_ALIGNMENT,
    what: "the used ring at a multiple of 2",
    steps: (b) => enable(b, { ...AREAS, device: 0x20_2002 }),
    found: "the used ring of queue 0 is at 0x202002",
    expected: "a multiple of 4 (split ring)",
  },
  {
    rule: QUEUE_ALIGNMENT,
    what: "a packed ring's event structure at a multiple of 2, which suits a split ring",
    on: PACKED,
    steps: (b) => enable(b, { ...AREAS, driver: 0x20_1002 }),
    found: "the driver event area of queue 0 is at 0x201002",
    expected: "a multiple of 4 (packed ring)",
  },
  {
    rule: QUEUE_IN_MEMORY,
    what: "a virtual address",
    steps: (b) => enable(b, { ...AREAS, driver: 2 ** 30 + 0x20_1000 }),
    found: "the available ring of queue 0 (22 bytes) is at 0x40201000, where there is no RAM",
    expected: "a guest-physical address within RAM",
  },
  {
    rule: QUEUE_IN_MEMORY,
    what: "freed memory",
    steps: (b) => {
      const buffer = b.student.ground.alloc.allocate(64, "an old ring");
      buffer.free();
      enable(b, { ...AREAS, device: buffer.phys });
    },
    found: "the used ring of queue 0 (70 bytes) is at 0x100000, which was an old ring and is freed",
  },
  {
    rule: QUEUE_OVERLAP,
    what: "the used ring begins in the available ring",
    steps: (b) => enable(b, { ...AREAS, device: 0x20_1014 }),
    found: {
      pci: "the available ring of queue 0 (22 bytes at 0x201000) overlaps the used ring of " +
        "virtio-rng-pci.0 queue 0 (70 bytes at 0x201014)",
      mmio: "the available ring of queue 0 (22 bytes at 0x201000) overlaps the used ring of " +
        "virtio-rng-device.0 queue 0 (70 bytes at 0x201014)",
    },
  },
  {
    rule: QUEUE_AREA_ALLOCATED,
    what: "memory for half a ring",
    steps: (b) => {
      const buffer = b.student.ground.alloc.allocate(64, "half a ring");
      enable(b, { ...AREAS, desc: buffer.phys });
    },
    found:
      "the descriptor table of queue 0 (size 8) has 128 bytes at 0x100000, and its memory ends at 0x100040",
    expected: "128 bytes of memory",
  },
  {
    rule: PCI_QUEUE_FROZEN,
    what: "an address after queue_enable",
    on: PCI,
    steps: (b) => {
      b.upTo("queues").transport.select(0);
      b.store(C.QUEUE_DEVICE, 4, 0x20_0000);
    },
    found: "queue_device of queue 0 was written with 0x200000 after the queue was enabled",
    expected: "queue_enable is the last register of a queue that is written",
  },
  {
    rule: MMIO_QUEUE_FROZEN,
    what: "the size while QueueReady is 1",
    on: MMIO,
    steps: (b) => {
      b.upTo("queues").transport.select(0);
      b.transport.setSize(4);
    },
    found: "queue_num of queue 0 was written with 0x4 after the queue was enabled",
    expected: "QueueReady is the last register of a queue that is written",
  },
  {
    rule: PCI_QUEUE_ENABLE_ZERO,
    what: "0 to stop a queue",
    on: PCI,
    steps: (b) => {
      b.upTo("live").transport.select(0);
      b.store(C.QUEUE_ENABLE, 2, 0);
    },
    found: "queue_enable of queue 0 was written with 0x0",
  },
  {
    rule: QUEUE_WRITTEN_TWICE,
    what: "the second queue is set up in the registers of the first",
    on: [{ machine: "q35", device: "console" }, { machine: "microvm", device: "console" }],
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      transport.select(0);
      transport.setAddresses({ desc: 0x20_0000, driver: 0, device: 0 });
      transport.setAddresses({ desc: 0x21_0000, driver: 0, device: 0 });
    },
    found: {
      pci:
        "queue_desc of queue 0 was written with 0x210000 after 0x200000, and the queue was not enabled between",
      mmio:
        "queue_desc_low of queue 0 was written with 0x210000 after 0x200000, and the queue was not enabled between",
    },
  },
  {
    rule: QUEUE_RESET_FEATURE,
    what: "a queue's reset without RING_RESET",
    steps: (b) => {
      b.student.wants &= ~F.RING_RESET;
      resetQueue(b.upTo("live"));
    },
    found: "queue_reset of queue 0 was written with 1 without RING_RESET",
    expected: "RING_RESET among the negotiated features",
  },
  {
    rule: QUEUE_RESET_AWAITED,
    what: "a queue is described again before its reset is done",
    steps: (b) => {
      resetQueue(b.upTo("live"));
      b.transport.setSize(4);
    },
    found: {
      pci: "queue_size of queue 0 was written with 0x4 before queue_reset was read as 0",
      mmio: "queue_num of queue 0 was written with 0x4 before queue_reset was read as 0",
    },
    expected: "queue_reset read as 0: then the reset is done",
  },
  {
    rule: QUEUE_RESET_AWAITED,
    what: "the rings are freed while queue_reset reads 1",
    steps: (b) => {
      resetQueue(b.upTo("live"));
      if (b.isPci) b.says(C.QUEUE_RESET, 2, 1);
      else b.says(R.QUEUE_RESET, 4, 1);
      b.student.ground.alloc.live().find((m) => m.owner.endsWith("used"))!.free();
    },
    found: "student queue 0 used (used ring of queue 0) was freed before queue_reset was read as 0",
  },
  {
    rule: NOTIFY_ENABLED_QUEUE,
    what: "a notification of a queue that is not enabled",
    on: [{ machine: "microvm", device: "console" }],
    steps: (b) => b.upTo("live").transport.notify(7, 7, 4),
    found: "a notification of queue 7 (0x7), which is not enabled",
    expected: "one of the queues 0, 1",
  },
  {
    rule: NOTIFY_ENABLED_QUEUE,
    what: "a notification of a queue that was reset",
    steps: (b) => {
      const { student, transport } = b;
      student.queues = () => [0];
      b.upTo("live").transport.select(0);
      transport.resetQueue();
      // Another queue is there: a device without any has nothing to be notified of.
      transport.select(1);
      transport.setAddresses(AREAS);
      transport.enableQueue();
      transport.notify(0, 0, b.isPci ? 2 : 4);
    },
    found: "a notification of queue 0 (0x0), which is not enabled",
  },
];
