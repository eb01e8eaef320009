import { PciCfg, PciCommand } from "../../../spec/pci.ts";
import { F } from "../../../spec/virtio/features.ts";
import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { DeviceStatus as S } from "../../../spec/virtio/status.ts";
import { after, before, MMIO, PCI } from "../mistake.ts";
import { DriverError } from "../student/mod.ts";
import type { Legal } from "./legal.ts";

/** Initialisation, registers and queues. */
export const SET_UP: readonly Legal[] = [
  {
    id: "reset-twice",
    what: "the device is reset two times",
    on: {},
    plant: ({ student }) => before(student, "acknowledge", () => student.reset()),
  },
  {
    id: "second-life",
    what: "the driver ends, and begins again with the same device",
    on: { devices: ["rng", "console", "net"] },
    plant: ({ student }) =>
      before(student, "run", () => {
        student.bringUp();
        student.shutDown();
      }),
  },
  {
    id: "gives-up",
    what: "the driver finds that it cannot use the device, sets FAILED and lets go",
    on: {},
    plant: ({ student }) =>
      student.run = () => {
        student.discover();
        student.reset();
        student.acknowledge();
        student.readOffered();
        student.addStatus(S.FAILED);
      },
  },
  {
    id: "fewer-features-on-second-try",
    what: "the driver begins again with fewer features after a reset",
    on: { eventIdx: true },
    plant: ({ student }) =>
      before(student, "confirmFeatures", () => {
        student.wants &= ~F.EVENT_IDX;
        student.addStatus(S.FAILED);
        student.reset();
        student.acknowledge();
        student.negotiate();
      }),
  },
  {
    id: "status-read-and-written-back",
    what: "status bits are added to what the register shows",
    on: {},
    plant: ({ student }) =>
      student.addStatus = (bit) => student.transport.setStatus(student.transport.status() | bit),
  },
  {
    id: "features-read-again",
    what: "the offered features are read again and again, high word first",
    on: {},
    plant: ({ student }) => {
      student.readOffered = () => {
        let offered = 0n;
        for (let i = 0; i < 3; i++) {
          const high = student.transport.offered(1);
          offered = BigInt(high) << 32n | BigInt(student.transport.offered(0));
        }
        return offered;
      };
    },
  },
  {
    id: "features-written-again",
    what: "the same features are written once more after FEATURES_OK was set",
    on: {},
    plant: ({ student }) => before(student, "confirmFeatures", () => student.writeAccepted(student.accepted)),
  },
  {
    id: "config-before-driver",
    what: "the configuration is read before the features are chosen, to choose them",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      before(net, "choose", () => {
        net.consistent(() => Array.from({ length: 6 }, (_, i) => net.transport.readConfig(i, 1)));
      }),
  },
  {
    id: "addresses-high-half-first",
    what: "the high half of an address is written before the low one",
    on: {},
    plant: ({ student, pci, mmio }) => {
      if (student.transport.kind === "pci") {
        pci.setAddress = (register, address) => {
          pci.write(register + 4, 4, Math.floor(address / 2 ** 32));
          pci.write(register, 4, address % 2 ** 32);
        };
      } else {
        mmio.setAddress = (register, address) => {
          mmio.write(register + 4, Math.floor(address / 2 ** 32));
          mmio.write(register, address % 2 ** 32);
        };
      }
    },
  },
  {
    id: "size-not-written",
    what: "on PCI the size is left as the device has it",
    on: { machines: PCI },
    plant: ({ student }) => {
      student.sizeOf = (max) => max;
      student.transport.setSize = () => {};
    },
  },
  {
    id: "size-after-addresses",
    what: "addresses are written first, the size last",
    on: {},
    plant: ({ student }) => {
      const { transport } = student;
      student.configureQueue = (ring) => {
        transport.learnNotify(ring.queue);
        transport.assignVector(ring.queue);
        transport.setAddresses(ring.areas());
        transport.setSize(ring.size);
      };
    },
  },
  {
    id: "queues-backwards",
    what: "queues are set up from the last to the first",
    on: { devices: ["console", "net"] },
    plant: ({ student }) =>
      student.setUpQueues = () => {
        for (const queue of [...student.queues()].reverse()) student.setUpQueue(queue);
      },
  },
  {
    id: "all-queues-looked-at",
    what: "queues are selected one after the other, beyond the last, to count them",
    on: {},
    plant: ({ student }) =>
      before(student, "setUpQueues", () => {
        for (let queue = 0;; queue++) {
          student.transport.select(queue);
          if (student.transport.queueMax() === 0) break;
        }
      }),
  },
  {
    id: "queue-restarted",
    what: "a queue is reset alone, and set up again",
    on: {},
    plant: ({ student }) => {
      before(student, "work", () => student.restartQueue(0));
      after(student, "work", () => student.restartQueue(0));
    },
  },
  {
    id: "command-read-modify-write",
    what: "COMMAND is written several times, one bit after the other",
    on: { machines: PCI },
    plant: ({ pciFunction }) =>
      pciFunction((fn) =>
        fn.startDecoding = () => {
          for (
            const bit of [PciCommand.INTX_DISABLE, PciCommand.IO, PciCommand.MEMORY, PciCommand.BUS_MASTER]
          ) {
            fn.write(PciCfg.COMMAND, 2, fn.read(PciCfg.COMMAND, 2) | bit);
          }
        }
      ),
  },
  {
    id: "mmio-vendor-read",
    what: "the vendor is read when the window is looked at",
    on: { machines: MMIO },
    plant: ({ mmio }) => after(mmio, "find", () => void mmio.read(R.VENDOR_ID)),
  },
  {
    id: "mmio-ready-read-back",
    what: "QueueReady is read before and after it is written",
    on: { machines: MMIO },
    plant: ({ mmio }) => {
      before(mmio, "enableQueue", () => void mmio.read(R.QUEUE_READY));
      after(mmio, "enableQueue", () => void mmio.read(R.QUEUE_READY));
    },
  },
  {
    id: "mmio-queue-stopped",
    what: "a queue is stopped by QueueReady, which is read back, before the device is reset",
    on: { machines: MMIO },
    plant: ({ student, mmio }) =>
      before(student, "shutDown", () => {
        mmio.select(0);
        mmio.write(R.QUEUE_READY, 0);
        if (mmio.read(R.QUEUE_READY) !== 0) throw new DriverError("the queue does not stop");
      }),
  },
];
