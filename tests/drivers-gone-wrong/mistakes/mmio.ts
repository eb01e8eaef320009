import { MMIO_MAGIC, MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { after, before, type Mistake, MMIO } from "../mistake.ts";

/** virtio over MMIO (virtio 1.4, 4.2). */
export const MMIO_MISTAKES: readonly Mistake[] = [
  {
    id: "mmio-magic-not-checked",
    what: "the device id is read without a look at magic and version",
    on: { machines: MMIO },
    plant: ({ mmio }) => mmio.matches = (deviceId) => mmio.read(R.DEVICE_ID) === deviceId,
    expect: { rule: "mmio-probe-order", found: /before MagicValue and Version/ },
  },
  {
    id: "mmio-version-not-checked",
    what: "the version is not read",
    on: { machines: MMIO },
    plant: ({ mmio }) =>
      mmio.matches = (deviceId) =>
        mmio.read(R.MAGIC_VALUE) === MMIO_MAGIC && mmio.read(R.DEVICE_ID) === deviceId,
    expect: { rule: "mmio-probe-order", found: /before Version/ },
  },
  {
    id: "mmio-empty-slot-reset",
    what: "every window is reset first, also those without a device",
    on: { machines: MMIO },
    plant: ({ mmio }) => after(mmio, "matches", () => mmio.setStatus(0)),
    expect: { rule: "mmio-not-a-device", found: /although DeviceID is 0/ },
  },
  {
    id: "mmio-status-8-bit",
    what: "the status is read as a byte, as on PCI",
    on: { machines: MMIO },
    plant: ({ mmio }) => mmio.status = () => mmio.read(R.STATUS, 1),
    expect: { rule: "mmio-access-width", found: /1 byte at 0x70/ },
  },
  {
    id: "mmio-notify-16-bit",
    what: "QueueNotify is written as 16 bits, as on PCI",
    on: { machines: MMIO },
    plant: ({ mmio }) => mmio.notify = (_queue, value) => mmio.write(R.QUEUE_NOTIFY, value, 2),
    expect: { rule: "mmio-access-width", found: /2 bytes at 0x50/ },
  },
  {
    id: "mmio-size-while-ready",
    what: "QueueSize is written while QueueReady is set",
    on: { machines: MMIO },
    plant: ({ student, mmio }) => after(student, "setUpQueue", () => mmio.setSize(4)),
    expect: { rule: "mmio-queue-ready-last", found: /0x4 after the queue was enabled/ },
  },
  {
    id: "mmio-write-only-read",
    what: "the driver reads a queue address back",
    on: { machines: MMIO },
    plant: ({ mmio }) => after(mmio, "setAddresses", () => mmio.read(R.QUEUE_DESC_LOW)),
    expect: { rule: "mmio-write-only", found: /queue_desc_low/ },
  },
  {
    id: "mmio-read-only-written",
    what: "the accepted features are written to DeviceFeatures",
    on: { machines: MMIO },
    plant: ({ mmio }) => before(mmio, "accept", (_word, value) => mmio.write(R.DEVICE_FEATURES, value)),
    expect: { rule: "mmio-read-only", found: /device_features/ },
  },
  {
    id: "mmio-legacy-page-size",
    what: "GuestPageSize of the legacy interface is written",
    on: { machines: MMIO },
    plant: ({ student, mmio }) => before(student, "setUpQueues", () => mmio.write(0x28, 4096)),
    expect: { rule: "mmio-known-offset", found: /0x28, which is GuestPageSize/ },
  },
  {
    id: "mmio-legacy-queue-pfn",
    what: "a queue gets its page number as in the legacy interface",
    on: { machines: MMIO },
    plant: ({ mmio }) => mmio.setAddresses = (areas) => mmio.write(0x40, areas.desc / 4096),
    expect: { rule: "mmio-known-offset", found: /0x40, which is QueuePFN/ },
    also: ["queue-complete"],
  },
  {
    id: "mmio-queue-size-not-written",
    what: "QueueSize is not written: the driver takes the most for the default",
    on: { machines: MMIO },
    plant: ({ student, mmio }) => {
      student.sizeOf = (max) => max;
      mmio.setSize = () => {};
    },
    expect: { rule: "queue-complete", found: /its size not written/ },
  },
  {
    id: "mmio-queue-stopped-not-read-back",
    what: "the queue stops with QueueReady 0 and its memory is freed before that is read back",
    on: { machines: MMIO },
    plant: ({ student, mmio }) =>
      student.shutDown = () => {
        mmio.select(0);
        mmio.write(R.QUEUE_READY, 0);
        student.releaseMemory();
        student.reset();
      },
    expect: { rule: "mmio-queue-stopped", found: /QueueReady was written with 0, which was not read back/ },
  },
  {
    id: "mmio-shared-memory-looked-at",
    what: "the driver of an entropy device asks for shared memory",
    on: { machines: MMIO },
    plant: ({ student, mmio }) => before(student, "setUpQueues", () => mmio.read(R.SHM_LEN_LOW)),
    expect: { rule: "mmio-shared-memory", found: /shm_len_low/ },
  },
  {
    id: "mmio-generation-at-pci-offset",
    what: "the generation is read where PCI has it",
    on: { machines: MMIO, devices: ["net"] },
    plant: ({ mmio }) => mmio.generation = () => mmio.read(0x15, 1),
    expect: { rule: "mmio-access-width", found: /1 byte at 0x15/ },
    also: ["config-generation", "mmio-write-only"],
  },
];
