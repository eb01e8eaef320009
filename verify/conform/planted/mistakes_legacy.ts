import type { Mistake } from "./mistake.ts";

const LEGACY = "devices/virtio/pci_legacy.ts";

/** Mistakes in the port window of a transitional device (virtio 1.4, 4.1.4.10). */
export const LEGACY_MISTAKES: readonly Mistake[] = [
  {
    id: "legacy-device-features",
    rule: "legacy device features, 4.1.4.10: legacy bits are shown here",
    file: LEGACY,
    find: "return featureWord(d.hostFeatures, 0);",
    replace: "return featureWord(d.hostFeatures & ~(1n << 30n), 0);",
    on: "transitional",
  },
  {
    id: "legacy-driver-features",
    rule: "legacy driver features, 4.1.4.10: what was negotiated",
    file: LEGACY,
    find: "return featureWord(d.guestFeatures, 0);",
    replace: "return 0;",
    on: "transitional",
  },
  {
    id: "legacy-queue-address",
    rule: "legacy queue address, 4.1.4.10: the page number",
    file: LEGACY,
    find: "return Math.floor((queue?.desc ?? 0) / PAGE) >>> 0;",
    replace: "return (queue?.desc ?? 0) >>> 0;",
    on: "transitional",
  },
  {
    id: "legacy-queue-size",
    rule: "legacy queue size, 4.1.4.10",
    file: LEGACY,
    find: "return queue?.size ?? 0;",
    replace: "return queue?.defaultSize ?? 0;",
    on: "transitional",
  },
  {
    id: "legacy-queue-select",
    rule: "legacy queue select, 4.1.4.10: the register of both interfaces is one",
    file: LEGACY,
    find: "return this.common.queues.select(value);",
    replace: "return;",
    on: "transitional",
  },
  {
    id: "legacy-status",
    rule: "legacy device status, 4.1.4.10: the register of both interfaces is one",
    file: LEGACY,
    find: "return d.status;",
    replace: "return d.status & 7;",
    on: "transitional",
  },
  {
    id: "legacy-reset",
    rule: "legacy device status, 2.4: writing 0 resets the device",
    file: LEGACY,
    find: "if (d.status === 0) this.host.resetDevice();",
    replace: "",
    on: "transitional",
  },
  {
    id: "legacy-isr",
    rule: "legacy ISR, 4.1.4.5: reading clears it",
    file: LEGACY,
    find: "return this.host.readIsr();",
    replace: "return d.isr;",
    on: "transitional",
  },
  {
    id: "legacy-config-offset",
    rule: "legacy device configuration, 4.1.4.10: behind the vectors while MSI-X is enabled",
    file: LEGACY,
    find: "return this.host.msixEnabled() ? 24 : 20;",
    replace: "return 20;",
    on: "transitional",
  },
  {
    id: "legacy-queue-vector",
    rule: "legacy queue vector, 4.1.4.10",
    file: LEGACY,
    find: "return this.common.queues.vectored.vector;",
    replace: "return queue?.vector ?? 0xffff;",
    on: "transitional",
  },
];
