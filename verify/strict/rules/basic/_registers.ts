import type { Access } from "../../events.ts";

/** What a register is for, whichever transport has it. */
export type Purpose =
  | "offeredSelect"
  | "offered"
  | "acceptedSelect"
  | "accepted"
  | "status"
  | "generation"
  | "queueSelect"
  | "queueSize"
  | "queueMax"
  | "queueEnable"
  | "queueReset"
  | "queueVector"
  | "configVector"
  | "desc"
  | "driver"
  | "device"
  | "descHigh"
  | "driverHigh"
  | "deviceHigh"
  | "notify"
  | "interruptStatus"
  | "interruptAck"
  | "config";

/** Names in the common configuration (virtio 1.4, 4.1.4.3). */
const COMMON: Readonly<Record<string, Purpose>> = {
  device_feature_select: "offeredSelect",
  device_feature: "offered",
  driver_feature_select: "acceptedSelect",
  driver_feature: "accepted",
  config_msix_vector: "configVector",
  device_status: "status",
  config_generation: "generation",
  queue_select: "queueSelect",
  queue_size: "queueSize",
  queue_msix_vector: "queueVector",
  queue_enable: "queueEnable",
  queue_desc: "desc",
  queue_desc_hi: "descHigh",
  queue_driver: "driver",
  queue_driver_hi: "driverHigh",
  queue_device: "device",
  queue_device_hi: "deviceHigh",
  queue_reset: "queueReset",
};
/** Names of virtio-mmio (virtio 1.4, 4.2.2). */
const MMIO: Readonly<Record<string, Purpose>> = {
  device_features_sel: "offeredSelect",
  device_features: "offered",
  driver_features_sel: "acceptedSelect",
  driver_features: "accepted",
  queue_sel: "queueSelect",
  queue_num_max: "queueMax",
  queue_num: "queueSize",
  queue_ready: "queueEnable",
  queue_notify: "notify",
  interrupt_status: "interruptStatus",
  interrupt_ack: "interruptAck",
  status: "status",
  queue_desc_low: "desc",
  queue_desc_high: "descHigh",
  queue_driver_low: "driver",
  queue_driver_high: "driverHigh",
  queue_device_low: "device",
  queue_device_high: "deviceHigh",
  queue_reset: "queueReset",
  config_generation: "generation",
  config: "config",
};

/** What an access is for; undefined for registers that no rule asks for, and on the legacy interface. */
export function purposeOf(access: Access): Purpose | undefined {
  const { space, register } = access;
  if (space === "config") return "config";
  if (space === "notify") return "notify";
  if (space === "isr") return "interruptStatus";
  if (register === undefined) return undefined;
  return space === "common" ? COMMON[register] : space === "mmio" ? MMIO[register] : undefined;
}

/** Bytes from the start of the device's configuration, of an access to it. */
export const configOffset = (access: Access): number =>
  access.space === "mmio" ? access.offset - 0x100 : access.offset;

/** The registers that describe a queue (those of its number and its vector are not among them). */
const SET_UP = new Set<Purpose>([
  "queueSize",
  "desc",
  "driver",
  "device",
  "descHigh",
  "driverHigh",
  "deviceHigh",
]);
/** A write that describes a queue: its size, or an address. */
export const describesQueue = (purpose: Purpose | undefined): boolean =>
  purpose !== undefined && SET_UP.has(purpose);

/** `0x1f`. */
export const hex = (n: number): string => `0x${n.toString(16)}`;
/** `1 byte`, `4 bytes`. */
export const bytes = (n: number): string => `${n} byte${n === 1 ? "" : "s"}`;
/** The name of an access's register, or where it is. */
export const nameOf = (access: Access): string =>
  access.register ?? `offset ${hex(access.offset)} of the ${access.space} structure`;
