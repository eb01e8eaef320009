import { DESC_SIZE } from "../../../spec/virtio/split.ts";
import { NetF } from "../../../spec/virtio/features.ts";
import { before, forgotten, MMIO, PCI } from "../mistake.ts";
import type { PackedRing, SplitRing } from "../student/mod.ts";
import type { Legal } from "./legal.ts";

const EACH = ["rng", "console", "net"] as const;
const SMALL = Array.from({ length: 12 }, () => [16]);

/** What simple drivers are in the habit of, and what busy ones do for speed. */
export const HABITS: readonly Legal[] = [
  {
    id: "packed-descriptor-polled-whole",
    what: "all of the next used descriptor is read at each look",
    on: { rings: ["packed"], devices: EACH, eventIdx: true },
    plant: ({ packed }) =>
      packed((r) =>
        r.hasUsed = () => {
          if (r.flights.size === 0) return false;
          const bytes = new Uint8Array(DESC_SIZE);
          r.memory.readBytes(r.descriptorAt(r.usedNext), bytes);
          return r.isUsed(bytes[14] | bytes[15] << 8);
        }
      ),
  },
  {
    id: "split-used-ring-polled-whole",
    what: "all of the used ring is read at each look",
    on: { rings: ["split"], devices: EACH },
    plant: ({ split }) =>
      split((r) =>
        r.readUsedIndex = () => {
          const bytes = new Uint8Array(r.usedRing.length);
          r.memory.readBytes(r.usedRing.offset, bytes);
          return bytes[2] | bytes[3] << 8;
        }
      ),
  },
  {
    id: "polled-by-timer",
    what: "rings are polled at each tick of a timer, and nothing is said of interrupts, which lead nowhere",
    on: { interrupts: ["none"], devices: EACH },
    plant: ({ student, ring }) => {
      const { platform } = student.ground;
      ring((r) => r.setInterrupts = forgotten);
      student.pause = () => void platform.idle(platform.now() + 1e6);
    },
  },
  {
    id: "nothing-received",
    what: "a card that only sends, and a console that only writes, have no receive buffers",
    on: { devices: ["net", "console"] },
    plant: ({ student, net }) => {
      student.startQueues = forgotten;
      if (net.receive !== undefined) net.receive = () => new Uint8Array(0);
      const work = student.work.bind(student);
      student.work = () => {
        work();
        void student.ground.platform.idle(student.ground.platform.now() + 3e9);
        work();
      };
      if (net.setPromiscuous !== undefined) net.setPromiscuous = forgotten;
    },
  },
  {
    id: "vector-moved-while-masked",
    what: "while the device is live an entry of MSI-X is masked, gets another vector, and is unmasked",
    on: { machines: PCI, devices: EACH },
    plant: ({ student, pci }) =>
      before(student, "work", () => {
        const { interrupts } = pci;
        for (let entry = 0; entry < Math.min(interrupts.size, 2); entry++) {
          const at = interrupts.table + 16 * entry;
          pci.store(at + 12, 4, 1);
          const vector = student.ground.interrupts.allocateVector("student again", () =>
            student.onInterrupt(entry === 0 ? 2 : 1));
          interrupts.program(entry, vector);
        }
      }),
  },
  {
    id: "vectors-masked-in-handler",
    what: "the entry is masked while its interrupt is handled",
    on: { machines: PCI, devices: EACH },
    plant: ({ student, pci }) => {
      const { onInterrupt } = student;
      student.onInterrupt = (isr) => {
        const { table } = pci.interrupts;
        pci.store(table + 16 + 12, 4, 1);
        onInterrupt.call(student, isr);
        pci.store(table + 16 + 12, 4, 0);
      };
    },
  },
  {
    id: "reset-and-again-in-one-breath",
    what: "requests are under way when the device is reset, and set up again with other rings",
    on: { devices: ["rng"], eventIdx: true, restless: true },
    plant: ({ rng }) => {
      rng.requests = SMALL.slice(0, 6);
      before(rng, "work", () => {
        for (let i = 0; i < 5; i++) {
          for (let n = 0; n < 1 + i; n++) rng.rings[0].submit(rng.makePieces([32]));
          if (i % 2 === 1) rng.accept(rng.nextUsed(rng.rings[0]));
          rng.shutDown();
          rng.bringUp();
        }
      });
    },
  },
  {
    id: "queue-restarted-often",
    what: "a queue is reset with requests under way, again and again",
    on: { devices: ["rng"], eventIdx: true, restless: true },
    plant: ({ rng }) => {
      rng.requests = SMALL.slice(0, 6);
      before(rng, "work", () => {
        for (let i = 0; i < 5; i++) {
          for (let n = 0; n < 1 + i; n++) rng.rings[0].submit(rng.makePieces([32]));
          if (i % 2 === 1) rng.accept(rng.nextUsed(rng.rings[0]));
          rng.restartQueue(0);
        }
      });
    },
  },
  {
    id: "rings-of-one-memory-after-reset",
    what: "after a reset the same memory, cleared, is the ring's again",
    on: { devices: ["rng"] },
    plant: ({ rng, ring }) => {
      const parts = new Map<string, ReturnType<typeof rng.allocate>>();
      ring((r) => {
        const { allocatePart } = r;
        r.allocatePart = (length, what) => {
          const known = parts.get(what) ?? allocatePart.call(r, length, what);
          parts.set(what, known);
          return known;
        };
        r.release = () => r.flights.clear();
      });
      before(rng, "work", () => {
        rng.ask([16]);
        rng.reset();
        rng.acknowledge();
        rng.negotiate();
        rng.confirmFeatures();
        rng.setUpQueues();
        rng.driverOk();
      });
      const { releaseMemory } = rng;
      rng.releaseMemory = () => {
        releaseMemory.call(rng);
        for (const part of parts.values()) part.free();
      };
    },
  },
  {
    id: "larger-buffers-than-frames",
    what: "with MRG_RXBUF receive buffers are small, and frames are put together or dropped",
    on: { devices: ["net"], wants: NetF.MRG_RXBUF },
    plant: ({ net }) => {
      net.receiveSize = () => 2048;
      net.startQueues = () => {
        for (let i = 0; i < 12; i++) net.giveReceiveBuffer(net.allocate(2048, "frame"));
      };
    },
  },
  {
    id: "index-taken-from-the-ring",
    what: "the driver has no index of its own: it reads the ring's and adds one",
    on: { rings: ["split"], devices: EACH },
    plant: ({ split }) =>
      split((r: SplitRing) =>
        r.showIndex = () => {
          const at = r.avail.offset + 2;
          for (let i = 0; i < r.pending; i++) {
            r.memory.writeU16(at, (r.memory.readU16(at) + 1) & 0xffff);
            if (i + 1 < r.pending) r.barrierBeforePublish();
          }
        }
      ),
  },
  {
    id: "packed-ring-cleared-before-lap",
    what: "packed descriptors beyond those in flight are filled with zeros now and then",
    on: { rings: ["packed"], devices: ["rng"] },
    plant: ({ rng, packed }) => {
      rng.requests = SMALL;
      packed((r: PackedRing) =>
        before(r, "add", () => {
          if (r.flights.size === 0) r.memory.fill(r.descriptorAt(r.next), DESC_SIZE, 0);
        })
      );
    },
  },
  {
    id: "mmio-registers-read-for-a-dump",
    what: "all readable registers of a window are read, for a look at them",
    on: { machines: MMIO, devices: EACH },
    plant: ({ student, mmio }) =>
      before(student, "work", () => {
        for (const at of [0, 4, 8, 0xc, 0x10, 0x34, 0x44, 0x60, 0x70, 0xfc]) mmio.read(at);
      }),
  },
  {
    id: "configuration-space-dumped",
    what: "all of configuration space is read, for a look at it",
    on: { machines: PCI, devices: EACH },
    plant: ({ student, pci }) =>
      before(student, "work", () => {
        for (let at = 0; at < 256; at += 4) pci.fn.read(at, 4);
        for (let at = 0; at < 256; at++) pci.fn.read(at, 1);
      }),
  },
];
