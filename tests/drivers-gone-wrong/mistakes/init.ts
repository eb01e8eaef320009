import { F } from "../../../spec/virtio/features.ts";
import { DeviceStatus as S } from "../../../spec/virtio/status.ts";
import { after, before, forgotten, type Mistake, MMIO, PCI } from "../mistake.ts";

/** The initialisation, its order and the status register (virtio 1.4, 2.1, 3.1.1, 3.3). */
export const INIT: readonly Mistake[] = [
  {
    id: "init-no-reset",
    what: "the driver begins without a reset",
    on: {},
    plant: ({ student }) => {
      const { reset } = student;
      student.reset = () => void (student.written = 0);
      before(student, "shutDown", () => student.reset = reset);
    },
    expect: { rule: "reset-first", found: /0x1 \(ACKNOWLEDGE\), and never with 0/ },
  },
  {
    id: "init-reset-not-awaited",
    what: "the driver goes on after writing 0 to the status without reading it back",
    on: { machines: PCI },
    plant: ({ student }) => student.waitForReset = forgotten,
    expect: { rule: "pci-reset-awaited", found: /0x1 before the status was read as 0/ },
  },
  {
    id: "init-no-acknowledge",
    what: "the ACKNOWLEDGE bit is never set",
    on: {},
    plant: ({ student }) => student.acknowledge = () => student.addStatus(S.DRIVER),
    expect: { rule: "status-order", found: /0x2 \(DRIVER\) after 0/ },
  },
  {
    id: "init-no-driver-bit",
    what: "the DRIVER bit is never set",
    on: {},
    plant: ({ student }) => student.acknowledge = () => student.addStatus(S.ACKNOWLEDGE),
    expect: { rule: "features-after-driver", found: /while the status is ACKNOWLEDGE$/ },
    also: ["status-order"],
  },
  {
    id: "init-status-bits-replaced",
    what: "each status bit is written alone, and so clears those before it",
    on: {},
    plant: ({ student }) => student.addStatus = (bit) => student.transport.setStatus(bit),
    expect: { rule: "status-bit-cleared", found: /takes ACKNOWLEDGE away/ },
  },
  {
    id: "init-driver-ok-alone",
    what: "DRIVER_OK is written alone at the end",
    on: { devices: ["rng", "console"] },
    plant: ({ student }) => student.driverOk = () => student.transport.setStatus(S.DRIVER_OK),
    expect: {
      rule: "status-bit-cleared",
      found: /0x4 \(DRIVER_OK\), which takes ACKNOWLEDGE\|DRIVER\|FEATURES_OK away/,
    },
  },
  {
    id: "init-no-features-ok",
    what: "FEATURES_OK is left out, as in drivers for legacy devices",
    on: {},
    plant: ({ student }) => student.confirmFeatures = forgotten,
    expect: { rule: "status-order", found: /DRIVER_OK\) after ACKNOWLEDGE\|DRIVER$/ },
    also: ["queue-after-features"],
  },
  {
    id: "init-features-ok-not-read-back",
    what: "FEATURES_OK is written and not read back",
    on: {},
    plant: ({ student }) => student.confirmFeatures = () => student.addStatus(S.FEATURES_OK),
    expect: { rule: "features-ok-read-back", found: /was not read after FEATURES_OK/ },
  },
  {
    id: "init-driver-ok-before-queues",
    what: "DRIVER_OK comes before the queues are set up",
    on: {},
    plant: ({ student }) => {
      before(student, "setUpQueues", () => student.addStatus(S.DRIVER_OK));
      student.driverOk = forgotten;
    },
    expect: { rule: "queue-before-driver-ok", found: /queue 0 after DRIVER_OK/ },
  },
  {
    id: "init-queues-before-features-ok",
    what: "queues are set up before FEATURES_OK",
    on: {},
    plant: ({ student }) =>
      student.bringUp = () => {
        student.discover();
        student.reset();
        student.acknowledge();
        student.negotiate();
        student.openInterrupts();
        student.setUpQueues();
        student.confirmFeatures();
        student.driverOk();
      },
    expect: { rule: "queue-after-features", found: /queue 0 before FEATURES_OK/ },
  },
  {
    id: "init-kick-before-driver-ok",
    what: "buffers are announced to the device before DRIVER_OK",
    on: { devices: ["console", "net"] },
    plant: ({ student }) => {
      before(student, "driverOk", () => student.startQueues());
      after(student, "driverOk", () => student.startQueues = forgotten);
    },
    expect: { rule: "notify-after-driver-ok", found: /ACKNOWLEDGE\|DRIVER\|FEATURES_OK$/ },
  },
  {
    id: "init-driver-ok-forgotten",
    what: "DRIVER_OK is never written",
    on: {},
    plant: ({ student }) => student.driverOk = forgotten,
    expect: { rule: "notify-after-driver-ok", found: /ACKNOWLEDGE\|DRIVER\|FEATURES_OK$/ },
  },
  {
    id: "init-on-after-failed",
    what: "the driver sets FAILED and goes on all the same",
    on: {},
    plant: ({ student }) => after(student, "confirmFeatures", () => student.addStatus(S.FAILED)),
    expect: { rule: "after-failed", found: /after FAILED/ },
  },
  {
    id: "init-again-after-failed",
    what: "the driver gives up with FAILED and begins again without a reset",
    on: {},
    plant: ({ student }) =>
      before(student, "acknowledge", () => {
        student.transport.setStatus(S.ACKNOWLEDGE | S.FAILED);
      }),
    expect: { rule: "after-failed", found: /0x3 after FAILED/ },
    also: ["status-bit-cleared"],
  },
  {
    id: "init-features-changed-later",
    what: "a feature is given up after FEATURES_OK",
    on: {},
    plant: ({ student }) =>
      after(student, "confirmFeatures", () => student.writeAccepted(student.accepted & ~F.RING_RESET)),
    expect: { rule: "features-frozen", found: /word 1 was 0x10[15]/ },
  },
  {
    id: "init-device-reset-by-failed-only",
    what: "the driver ends with FAILED instead of a reset, and frees its memory",
    on: {},
    plant: ({ student }) =>
      student.shutDown = () => {
        student.addStatus(S.FAILED);
        student.releaseMemory();
      },
    expect: { rule: "ring-freed", found: /desc/ },
  },
  {
    id: "init-features-ok-with-driver-ok",
    what: "FEATURES_OK and DRIVER_OK are written in one go, after the queues",
    on: {},
    plant: ({ student }) => {
      student.confirmFeatures = forgotten;
      student.driverOk = () => student.addStatus(S.FEATURES_OK | S.DRIVER_OK);
    },
    expect: { rule: "status-order", found: /FEATURES_OK\) after ACKNOWLEDGE\|DRIVER$/ },
    also: ["queue-after-features"],
  },
  {
    id: "init-undefined-status-bit",
    what: "a bit of the status is set that is not defined",
    on: {},
    plant: ({ student }) => after(student, "acknowledge", () => student.addStatus(0x20)),
    expect: { rule: "status-foreign-bit", found: /0x23: the undefined bits 0x20/ },
  },
  {
    id: "init-needs-reset-set-by-driver",
    what: "the driver sets DEVICE_NEEDS_RESET when it gives up",
    on: {},
    plant: ({ student }) => before(student, "shutDown", () => student.addStatus(S.DEVICE_NEEDS_RESET)),
    expect: { rule: "status-foreign-bit", found: /0x4f: DEVICE_NEEDS_RESET/ },
  },
  {
    id: "init-reset-not-awaited-mmio",
    what: "the driver goes on after writing 0 to Status without reading it back",
    on: { machines: MMIO },
    plant: ({ student }) => student.waitForReset = forgotten,
    expect: { rule: "reset-awaited", found: /0x1 before the status was read as 0/ },
  },
  {
    id: "init-on-after-needs-reset",
    what: "the driver has read DEVICE_NEEDS_RESET, and sends the next request",
    on: { rings: ["split"] },
    plant: ({ rng, split }) => {
      rng.onConfigChange = () => void rng.transport.status();
      rng.ask = (lengths) => {
        rng.rings[0].submit(rng.makePieces(lengths));
        rng.pause();
      };
      split((r) => r.nextOf = () => r.size);
      rng.requests = [[16, 16], [16], [16]];
    },
    expect: { rule: "after-needs-reset", found: /notify was written with 0x0 after DEVICE_NEEDS_RESET/ },
    also: ["split-chain-index"],
  },
  {
    id: "init-features-after-features-ok",
    what: "the features are written after FEATURES_OK",
    on: {},
    plant: ({ student }) => {
      const { writeAccepted } = student;
      student.writeAccepted = forgotten;
      after(student, "confirmFeatures", () => writeAccepted.call(student, student.accepted));
    },
    expect: { rule: "features-frozen", found: /word 1 was 0x0/ },
    also: ["version-1-accepted"],
  },
  {
    id: "init-second-life-without-reset",
    what: "the driver begins again with a device that is at work",
    on: {},
    plant: ({ student }) =>
      before(student, "run", () => {
        const { reset } = student;
        student.bringUp();
        student.transport.close();
        student.reset = () => {
          student.written = 0;
          student.reset = reset;
        };
      }),
    expect: { rule: "status-bit-cleared", found: /takes DRIVER\|DRIVER_OK\|FEATURES_OK away/ },
    also: ["mmio-queue-ready-last", "pci-queue-enable-last"],
  },
];
