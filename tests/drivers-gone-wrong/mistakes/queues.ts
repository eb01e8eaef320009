import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { F } from "../../../spec/virtio/features.ts";
import { after, before, type Hands, type Mistake, MMIO, PCI } from "../mistake.ts";
import type { Areas } from "../student/mod.ts";

/** Setting up queues, on both transports. */
export const QUEUES: readonly Mistake[] = [
  {
    id: "queue-size-no-power-of-two",
    what: "a split ring of six entries",
    on: { machines: PCI, rings: ["split"] },
    plant: ({ student }) => student.sizeOf = () => 6,
    expect: { rule: "queue-size", found: /written with 6/ },
  },
  {
    id: "queue-size-above-max",
    what: "a ring of twice as many entries as the device allows",
    on: {},
    plant: ({ student }) => student.sizeOf = (max) => 2 * max,
    expect: { rule: "queue-size-max", found: /written with (16|2048)/ },
  },
  {
    id: "queue-size-zero",
    what: "a size of 0 is written for a packed ring",
    on: { rings: ["packed"], machines: PCI },
    plant: ({ student }) => before(student, "configureQueue", () => student.transport.setSize(0)),
    expect: { rule: "queue-size", found: /written with 0/ },
  },
  {
    id: "queue-select-forgotten-pci",
    what: "the queue is not selected before it is set up, so all land in the first",
    on: { machines: PCI, devices: ["console"] },
    plant: ({ student }) => {
      const select = student.transport.select.bind(student.transport);
      student.transport.select = (queue) => {
        if (queue === 0) select(queue);
      };
    },
    expect: { rule: "pci-queue-enable-last", found: /queue 0 .*after the queue was enabled/ },
    also: ["pci-notify-queue"],
  },
  {
    id: "queue-select-forgotten-mmio",
    what: "the queue is not selected before it is set up, so all land in the first",
    on: { machines: MMIO, devices: ["console"] },
    plant: ({ student }) => {
      const select = student.transport.select.bind(student.transport);
      student.transport.select = (queue) => {
        if (queue === 0) select(queue);
      };
    },
    expect: { rule: "mmio-queue-ready-last", found: /queue 0 .*after the queue was enabled/ },
    also: ["notify-enabled-queue"],
  },
  {
    id: "queue-enabled-before-addresses",
    what: "the queue is enabled before it has its addresses",
    on: {},
    plant: ({ student }) => before(student, "configureQueue", () => student.transport.enableQueue()),
    expect: { rule: "queue-complete", found: /descriptor area, driver area, device area not written/ },
    also: ["mmio-queue-ready-last", "pci-queue-enable-last"],
  },
  {
    id: "queue-size-after-enable-pci",
    what: "the size is written once more when the queue is enabled",
    on: { machines: PCI },
    plant: ({ student }) =>
      after(student, "setUpQueue", () => student.transport.setSize(student.rings[0].size)),
    expect: { rule: "pci-queue-enable-last", found: /after the queue was enabled/ },
  },
  {
    id: "queue-size-after-enable-mmio",
    what: "the size is written once more when the queue is enabled",
    on: { machines: MMIO },
    plant: ({ student }) =>
      after(student, "setUpQueue", () => student.transport.setSize(student.rings[0].size)),
    expect: { rule: "mmio-queue-ready-last", found: /after the queue was enabled/ },
  },
  {
    id: "queue-never-enabled",
    what: "the queue is not enabled",
    on: {},
    plant: ({ student }) => student.transport.enableQueue = () => {},
    expect: { rule: "queue-enabled" },
  },
  {
    id: "queue-disabled-with-0",
    what: "queue_enable is written with 0 to stop a queue",
    on: { machines: PCI },
    plant: ({ pci, student }) => before(student, "shutDown", () => pci.write(C.QUEUE_ENABLE, 2, 0)),
    expect: { rule: "pci-queue-enable-zero", found: /written with 0x0/ },
  },
  {
    id: "queue-areas-swapped",
    what: "the addresses of available and used ring are mixed up",
    on: { rings: ["split"] },
    plant: (hands) =>
      changeAreas(hands, ({ desc, driver, device }) => ({ desc, driver: device, device: driver })),
    expect: { rule: "device-area-written" },
    also: ["queue-area-allocated"],
  },
  {
    id: "queue-event-areas-swapped",
    what: "the addresses of the two event structures are mixed up",
    on: { rings: ["packed"], eventIdx: true },
    plant: (hands) =>
      changeAreas(hands, ({ desc, driver, device }) => ({ desc, driver: device, device: driver })),
    expect: { rule: "device-area-written" },
  },
  {
    id: "queue-address-halves-swapped",
    what: "the halves of queue addresses are written to each other's place",
    on: {},
    plant: ({ student, pci, mmio }) => {
      if (student.transport.kind === "pci") {
        pci.setAddress = (register, address) => {
          pci.write(register, 4, 0);
          pci.write(register + 4, 4, address);
        };
      } else {mmio.setAddress = (register, address) => {
          mmio.write(register, 0);
          mmio.write(register + 4, address);
        };}
    },
    expect: { rule: "queue-in-memory", found: /0x10000000000000, where there is no RAM/ },
  },
  {
    id: "queue-desc-misaligned",
    what: "the descriptors begin at a multiple of 8, not of 16",
    on: {},
    plant: (hands) => changeAreas(hands, (areas) => ({ ...areas, desc: areas.desc + 8 })),
    expect: { rule: "queue-alignment", found: /descriptor .* is at 0x100008/ },
    also: ["queue-area-allocated", "rng-writable"],
  },
  {
    id: "queue-used-misaligned",
    what: "the used ring, or the device's event structure, begins at a multiple of 2",
    on: {},
    plant: (hands) => changeAreas(hands, (areas) => ({ ...areas, device: areas.device + 2 })),
    expect: { rule: "queue-alignment", found: /is at 0x102002/ },
    also: ["queue-area-allocated"],
  },
  {
    id: "queue-areas-overlap",
    what: "the used ring follows the available ring and begins within it",
    on: { rings: ["split"] },
    plant: (hands) => changeAreas(hands, (areas) => ({ ...areas, device: areas.driver + 16 })),
    expect: { rule: "queue-overlap", found: /overlaps the used ring/ },
    also: ["device-writes-outside", "queue-area-allocated"],
  },
  {
    id: "queue-addresses-virtual",
    what: "the device is given virtual addresses of the rings",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        const { deviceAddress } = r;
        const areas = r.areas.bind(r);
        r.areas = () => {
          r.deviceAddress = (buffer) => buffer.virt;
          const found = areas();
          r.deviceAddress = deviceAddress;
          return found;
        };
      }),
    expect: { rule: "queue-in-memory", found: /0x40100000, where there is no RAM/ },
  },
  {
    id: "queue-does-not-exist",
    what: "a queue that the device does not have is set up",
    on: {},
    plant: ({ student }) => {
      const { transport } = student;
      const max = transport.queueMax.bind(transport);
      transport.queueMax = () => max() || 8;
      student.queues = () => [0, 1];
    },
    expect: { rule: "queue-exists", found: /queue 1 was enabled/ },
  },
  {
    id: "queue-reset-not-awaited",
    what: "a queue is reset alone and set up again without waiting for the end of the reset",
    on: {},
    plant: ({ student, pci, mmio }) => {
      if (student.transport.kind === "pci") pci.resetQueue = () => pci.write(C.QUEUE_RESET, 2, 1);
      else mmio.resetQueue = () => mmio.write(R.QUEUE_RESET, 1);
      before(student, "work", () => student.restartQueue(0));
    },
    expect: { rule: "queue-reset-awaited", found: /before queue_reset was read as 0/ },
  },
  {
    id: "queue-reset-half-set-up",
    what: "after its reset a queue is enabled without its addresses",
    on: {},
    plant: ({ student }) => {
      before(student, "work", () => {
        student.transport.setAddresses = () => {};
        student.restartQueue(0);
      });
    },
    expect: { rule: "queue-complete", found: /descriptor area, driver area, device area not written/ },
  },
  {
    id: "queue-reset-without-feature",
    what: "a queue is reset alone, though RING_RESET was not negotiated",
    on: {},
    plant: ({ student }) => {
      student.wants &= ~F.RING_RESET;
      before(student, "work", () => student.restartQueue(0));
    },
    expect: { rule: "queue-reset-feature", found: /without RING_RESET/ },
  },
  {
    id: "queue-memory-too-small",
    what: "the rings are allocated for half of their entries",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        const allocate = r.allocatePart.bind(r);
        r.allocatePart = (length, what) => allocate(what === "table" ? length : Math.ceil(length / 2), what);
      }),
    expect: { rule: "queue-area-allocated" },
  },
  {
    id: "queue-used-flags-not-zero",
    what: "the used ring is filled with ones before the device gets it",
    on: { rings: ["split"] },
    plant: ({ split }) => split((r) => after(r, "clear", () => r.memory.writeU16(r.usedRing.offset, 0xffff))),
    expect: { rule: "split-used-flags-start" },
  },
  {
    id: "queue-addresses-written-twice",
    what: "the addresses of a queue are written with 0 first",
    on: {},
    plant: ({ student }) =>
      before(student.transport, "setAddresses", () => {
        const { transport } = student;
        const set = Object.getPrototypeOf(transport).setAddresses as typeof transport.setAddresses;
        set.call(transport, { desc: 0, driver: 0, device: 0 });
      }),
    expect: { rule: "queue-written-twice", found: /after 0x0/ },
  },
  {
    id: "queue-chain-longer-than-queue-split",
    what: "an indirect table has more entries than the queue",
    on: { rings: ["split"], indirect: true },
    plant: ({ rng }) => {
      rng.queueSize = 2;
      rng.requests = [[16, 16, 16]];
    },
    expect: { rule: "split-chain-length", found: /3 buffers/ },
  },
  {
    id: "queue-chain-longer-than-queue-packed",
    what: "an indirect table has more entries than the queue",
    on: { rings: ["packed"], indirect: true },
    plant: ({ rng }) => {
      rng.queueSize = 2;
      rng.requests = [[16, 16, 16]];
    },
    expect: { rule: "packed-chain-length", found: /3 elements/ },
  },
  {
    id: "queue-address-as-page-number",
    what: "queue addresses are written as page numbers, as in the legacy interface",
    on: {},
    plant: (hands) =>
      changeAreas(hands, ({ desc, driver, device }) => ({
        desc: desc / 4096,
        driver: driver / 4096,
        device: device / 4096,
      })),
    expect: { rule: "queue-alignment", found: /is at 0x101/ },
    also: ["queue-overlap"],
  },
  {
    id: "queue-size-told-smaller-split",
    what: "the device is told half of the size that the driver goes by",
    on: { rings: ["split"] },
    plant: (hands) => tellSize(hands, 1 / 2),
    expect: { rule: "split-entry-beyond-ring", found: /where entry [48] of a larger ring would be/ },
  },
  {
    id: "queue-size-told-smaller-packed",
    what: "the device is told half of the size that the driver goes by",
    on: { rings: ["packed"] },
    plant: (hands) => tellSize(hands, 1 / 2),
    expect: {
      rule: "packed-descriptor-beyond-ring",
      found: /where descriptor [48] of a larger ring would be/,
    },
  },
  {
    id: "queue-size-told-larger",
    what: "the device is told twice the size that the driver goes by",
    on: {},
    plant: (hands) => {
      hands.student.queueSize = 4;
      tellSize(hands, 2);
    },
    expect: { rule: "queue-area-allocated", found: /size 8/ },
    also: ["rng-length-examined"],
  },
  {
    id: "queue-size-before-select",
    what: "the size is written before the queue is selected, and so to the queue before",
    on: { devices: ["console"], machines: MMIO },
    plant: ({ student }) => {
      const { transport } = student;
      const select = transport.select.bind(transport);
      const setSize = transport.setSize.bind(transport);
      transport.select = (queue) => {
        setSize(student.queueSize);
        select(queue);
      };
      transport.setSize = () => {};
    },
    expect: { rule: "mmio-queue-ready-last", found: /queue 0 .* after the queue was enabled/ },
    also: ["buffer-in-ring", "queue-area-allocated", "queue-complete", "queue-overlap"],
  },
  {
    id: "queue-other-one-reset",
    what: "another queue is reset than the one whose memory is freed",
    on: { devices: ["console"] },
    plant: ({ student }) =>
      before(student, "work", () => {
        student.transport.select(0);
        student.transport.resetQueue();
        student.rings[1].release();
        student.setUpQueue(1);
      }),
    expect: { rule: "ring-freed", found: /queue 1/ },
    also: ["device-area-written", "mmio-queue-ready-last", "pci-queue-enable-last"],
  },
  {
    id: "queue-wrap-kept-over-reset",
    what: "the wrap counters stay as they were when a queue is reset",
    on: { rings: ["packed"] },
    plant: ({ student, packed }) => {
      let first = true;
      packed((r) => {
        if (!first) r.wrap = r.usedWrap = 0;
        first = false;
      });
      before(student, "work", () => student.restartQueue(0));
    },
    expect: { rule: "packed-not-available", found: /whose wrap counter is 1/ },
  },
];

function changeAreas({ ring }: Hands, change: (areas: Areas) => Areas): void {
  ring((r) => {
    const areas = r.areas.bind(r);
    r.areas = () => change(areas());
  });
}

/** Writes another size than that of the ring; requests enough to go round it. */
function tellSize({ rng, student: { transport } }: Hands, factor: number): void {
  rng.requests = Array.from({ length: 20 }, () => [16]);
  const setSize = transport.setSize.bind(transport);
  transport.setSize = (size) => setSize(size * factor);
}
