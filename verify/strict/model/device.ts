import type { QueueModel } from "./queue.ts";

/** What is known of a virtio device from what the driver did and saw. */
export interface DeviceModel {
  /** `virtio-rng-pci.0`; on a real QEMU `virtio-rng at 00:03.0`. */
  readonly name: string;
  readonly transport: "pci" | "mmio";
  /** Virtio device id (virtio 1.4, 5); 0 for an empty slot, or as long as it is not known. */
  readonly virtioId: number;
  /** `00:03.0`, or the address of the slot. */
  readonly place: string;
  /** As the driver wrote it last, or read it. */
  readonly status: number;
  /** Status 0 was written and has not been read back yet. */
  readonly resetPending: boolean;
  /** Times that status 0 was written. */
  readonly resets: number;
  /** Words of the offered features that the driver has read since reset, by number; undefined: not read. */
  readonly offeredWords: readonly (number | undefined)[];
  /** Features that the driver has read as offered. */
  readonly offered: bigint;
  /** As the driver wrote them since the last reset. */
  readonly accepted: bigint;
  /** {@link accepted} once FEATURES_OK was written, less what the driver has read as not offered; before that nothing. */
  readonly negotiated: bigint;
  /** FEATURES_OK was written, and read back as set. */
  readonly featuresConfirmed: boolean;
  /** FEATURES_OK and DRIVER_OK are set, neither FAILED nor NEEDS_RESET. */
  readonly live: boolean;
  /** The driver uses, or used, the legacy interface: what it writes there is not followed. */
  readonly legacy: boolean;
  /** Selectors, as written last. */
  readonly queueSelect: number;
  readonly featureSelect: number;
  readonly driverFeatureSelect: number;
  /** PCI: vectors of the MSI-X table; 0 without. */
  readonly vectors: number;
  /** PCI: MSI-X is enabled in its capability. */
  readonly msixEnabled: boolean;
  /** PCI: the vector for configuration changes, as read back; 0xffff none. */
  readonly configVector: number;
  readonly queues: ReadonlyMap<number, QueueModel>;
  has(feature: bigint): boolean;
}
