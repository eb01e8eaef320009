import type { Chain } from "./chain.ts";
import type { DeviceModel } from "./device.ts";

/** What is known of a queue. Addresses are guest-physical. */
export interface QueueModel {
  readonly device: DeviceModel;
  readonly index: number;
  /** The most that the device allows, as the driver read it; 0: not read, or no such queue. */
  readonly max: number;
  /** As written, or `max`. */
  readonly size: number;
  readonly enabled: boolean;
  /** Descriptor area, driver area (available ring, driver event), device area (used ring, device event). */
  readonly desc: number;
  readonly driver: number;
  readonly deviceArea: number;
  /** MSI-X vector, as read back; 0xffff none. */
  readonly vector: number;
  /** PCI: queue_notify_off, as read; undefined: not read. */
  readonly notifyOff: number | undefined;
  /** Notifications since it was enabled. */
  readonly notifications: number;
  /** The ring since the queue was enabled. Stays, for a look back, until it is enabled again. */
  readonly ring: RingModel | undefined;
  /** `virtio-rng-pci.0 queue 0`. */
  readonly name: string;
}

/** A ring as far as it follows from memory. */
export interface RingModel {
  readonly kind: "split" | "packed";
  readonly size: number;
  /** In flight, by id. */
  readonly inFlight: ReadonlyMap<number, Chain>;
  /** Chains published and used since the queue was enabled. */
  readonly published: number;
  readonly used: number;
  /** Split: available idx, used idx as followed. Packed: next position and wrap counters (`availWrap` of the driver). */
  readonly indices: Readonly<Record<string, number>>;
  /** The chain in flight that owns a byte of the ring's descriptors, of an indirect table, or of a buffer. */
  ownerOf(address: number, length: number): Owned | undefined;
  /** How many descriptors are in flight. */
  readonly descriptorsInFlight: number;
  /**
   * Whether the device wants a notification for what was published since the last one it was asked for, by what it has
   * written into memory: flags or event index (virtio 1.4, 2.7.10, 2.8.10).
   *
   * @param since chains published before this one do not count; {@link RingModel.published} of then.
   */
  wantsNotification(since: number): boolean;
  /** Where things are, for evidence: guest-physical addresses. */
  addressOf(what: RingField, index?: number): number;
}

/** Something that a chain in flight owns. */
export interface Owned {
  readonly chain: Chain;
  readonly what: "descriptor" | "table" | "readable buffer" | "writable buffer";
}

/** Split: all but the events. Packed: `descriptor`, `driverEvent`, `deviceEvent`. */
export type RingField =
  | "descriptor"
  | "availFlags"
  | "availIndex"
  | "availEntry"
  | "usedEvent"
  | "usedFlags"
  | "usedIndex"
  | "usedEntry"
  | "availEvent"
  | "driverEvent"
  | "deviceEvent";
