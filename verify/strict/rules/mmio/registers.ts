import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import type { Access } from "../../events.ts";
import type { Rule, Scene } from "../../rule.ts";
import { MMIO_INIT, MMIO_LAYOUT, overMmio } from "../basic/_clauses.ts";
import { bytes, hex, nameOf } from "../basic/_registers.ts";

const READ_ONLY = new Set<number>([
  ...[R.MAGIC_VALUE, R.VERSION, R.DEVICE_ID, R.VENDOR_ID, R.DEVICE_FEATURES, R.QUEUE_NUM_MAX],
  ...[
    R.INTERRUPT_STATUS,
    R.SHM_LEN_LOW,
    R.SHM_LEN_HIGH,
    R.SHM_BASE_LOW,
    R.SHM_BASE_HIGH,
    R.CONFIG_GENERATION,
  ],
]);
const WRITE_ONLY = new Set<number>([
  ...[
    R.DEVICE_FEATURES_SEL,
    R.DRIVER_FEATURES,
    R.DRIVER_FEATURES_SEL,
    R.QUEUE_SEL,
    R.QUEUE_NUM,
    R.QUEUE_NOTIFY,
  ],
  ...[R.INTERRUPT_ACK, R.QUEUE_DESC_LOW, R.QUEUE_DESC_HIGH, R.QUEUE_DRIVER_LOW, R.QUEUE_DRIVER_HIGH],
  ...[R.QUEUE_DEVICE_LOW, R.QUEUE_DEVICE_HIGH, R.SHM_SEL],
]);
const SHARED_MEMORY = new Set<number>([
  ...[R.SHM_SEL, R.SHM_LEN_LOW, R.SHM_LEN_HIGH, R.SHM_BASE_LOW, R.SHM_BASE_HIGH],
]);
const KNOWN = new Set<number>(Object.values(R));
/** Registers of the legacy interface (virtio 1.4, 4.2.4), by offset. */
const LEGACY: Readonly<Record<number, string>> = {
  0x28: "GuestPageSize",
  0x3c: "QueueAlign",
  0x40: "QueuePFN",
};

const isControl = (a: Access): boolean => a.space === "mmio" && a.offset < R.CONFIG && !a.device.legacy;
/** The register that a control access touches. */
const start = (a: Access): number => a.offset & ~3;
const name = (offset: number): string =>
  Object.entries(R).find(([, at]) => at === offset)?.[0].toLowerCase() ?? hex(offset);

function report(scene: Scene, a: Access, found: string, expected: string): void {
  scene.report({
    device: a.device,
    found,
    expected,
    evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
  });
}

/** Registers have 32 bits. */
export const MMIO_ACCESS_WIDTH: Rule = {
  id: "mmio-access-width",
  clauses: overMmio(MMIO_LAYOUT, 4),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2",
  title: "Control registers of virtio-mmio are accessed with aligned 32-bit loads and stores",
  hint:
    "Also the status and QueueReady have 32 bits here; only the configuration from 0x100 on has other widths.",
  watch: (scene) => ({
    access(a) {
      if (!isControl(a) || a.width === 4 && a.offset % 4 === 0) return;
      report(
        scene,
        a,
        `${a.write ? "a write" : "a read"} of ${bytes(a.width)} at ${hex(a.offset)} (${name(start(a))})`,
        `4 bytes at ${hex(start(a))}`,
      );
    },
  }),
};

/** The rest of the page is nobody's. */
export const MMIO_KNOWN_OFFSET: Rule = {
  id: "mmio-known-offset",
  clauses: overMmio(MMIO_LAYOUT, 1),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2",
  title: "The driver accesses only offsets of virtio-mmio that are registers",
  hint:
    "GuestPageSize, QueueAlign and QueuePFN are of the legacy interface (version 1); version 2 has QueueDesc and others.",
  watch: (scene) => ({
    access(a) {
      if (!isControl(a) || KNOWN.has(start(a))) return;
      const legacy = LEGACY[start(a)];
      report(
        scene,
        a,
        `${a.write ? "a write" : "a read"} (${hex(a.value)}) at offset ${hex(a.offset)}` +
          (legacy === undefined ? "" : `, which is ${legacy} of the legacy interface`),
        "a register of virtio-mmio version 2",
      );
    },
  }),
};

/** What is the device's to say. */
export const MMIO_READ_ONLY: Rule = {
  id: "mmio-read-only",
  clauses: overMmio(MMIO_LAYOUT, 2),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2",
  title: "The driver does not write read-only registers",
  hint:
    "DeviceFeatures is read and DriverFeatures written; InterruptStatus is read and InterruptACK written.",
  watch: (scene) => ({
    access(a) {
      if (!isControl(a) || !a.write || !READ_ONLY.has(start(a))) return;
      report(
        scene,
        a,
        `${name(start(a))} was written with ${hex(a.value)}`,
        "no write to a read-only register",
      );
    },
  }),
};

/** What was written is the driver's to remember. */
export const MMIO_WRITE_ONLY: Rule = {
  id: "mmio-write-only",
  clauses: overMmio(MMIO_LAYOUT, 3),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2",
  title: "The driver does not read write-only registers",
  hint: "Addresses, sizes and selections cannot be read back here as on PCI; keep them in the driver.",
  watch: (scene) => ({
    access(a) {
      if (!isControl(a) || a.write || !WRITE_ONLY.has(start(a))) return;
      report(scene, a, `${name(start(a))} was read (${hex(a.value)})`, "no read of a write-only register");
    },
  }),
};

/** Devices without shared memory have no use for these. */
export const MMIO_SHARED_MEMORY: Rule = {
  id: "mmio-shared-memory",
  clauses: overMmio(MMIO_INIT, 5),
  level: "violation",
  section: "virtio 1.4, 4.2.3.1.1",
  title: "The shared memory registers are left alone by drivers of devices without shared memory",
  hint: "Network, console and entropy devices have no shared memory regions.",
  watch: (scene) => ({
    access(a) {
      if (
        !isControl(a) || !SHARED_MEMORY.has(start(a)) || ![1, 2, 3, 4, 5, 8, 9].includes(a.device.virtioId)
      ) return;
      report(
        scene,
        a,
        `${name(start(a))} was ${a.write ? "written" : "read"} (${hex(a.value)})`,
        "no access: this device type has no shared memory",
      );
    },
  }),
};
