import { F } from "../../../spec/virtio/features.ts";
import { DeviceStatus } from "../../../spec/virtio/status.ts";
import type { Access } from "../events.ts";
import type { DeviceState } from "../model/device_state.ts";
import type { QueueState } from "../model/queue_state.ts";

/** What a register access means, told after the model has taken it in. */
export interface RegisterEvents {
  reset(device: DeviceState): void;
  featuresOk(device: DeviceState): void;
  driverOk(device: DeviceState): void;
  enable(queue: QueueState): void;
  stop(queue: QueueState): void;
  notified(device: DeviceState, queue: QueueState | undefined, access: Access): void;
}

const { FEATURES_OK, DRIVER_OK } = DeviceStatus;

/** Replaces one half of 64 bits. */
const half = (old: number, value: number, high: boolean) =>
  high ? value * 2 ** 32 + old % 2 ** 32 : Math.floor(old / 2 ** 32) * 2 ** 32 + value;

/** Takes an access to a register into the model (virtio 1.4, 4.1.4.3, 4.2.2), and tells what it means. */
export function applyAccess(device: DeviceState, access: Access, events: RegisterEvents): void {
  const { register, value, write, space } = access;
  if (space === "notify") {
    if (write) notify(device, access, events);
    return;
  }
  if (space === "legacy") {
    if (write) device.legacy = true;
    return;
  }
  if ((space !== "common" && space !== "mmio") || register === undefined) return;
  const area = /^queue_(desc|driver|device)(_hi|_high|_low)?$/.exec(register);
  if (area !== null) {
    if (!write) return;
    const q = device.queue(device.queueSelect);
    const key = area[1] === "device" ? "deviceArea" : area[1] as "desc" | "driver";
    q[key] = half(q[key], value, area[2] === "_hi" || area[2] === "_high");
    return;
  }
  const handler = write ? WRITES[register] : READS[register];
  handler?.(device, value, events, access);
}

type Handler = (device: DeviceState, value: number, events: RegisterEvents, access: Access) => void;

const selected = (device: DeviceState) => device.queue(device.queueSelect);

function writeStatus(device: DeviceState, value: number, events: RegisterEvents): void {
  const before = device.status;
  value &= 0xff;
  if (value === 0) {
    const running = [...device.queues.values()].filter((q) => q.enabled);
    device.reset();
    for (const q of running) events.stop(q);
    events.reset(device);
    return;
  }
  device.status = value;
  if ((value & ~before & FEATURES_OK) !== 0) {
    // A device drops what it does not have, whatever the driver wrote.
    device.negotiated = device.accepted & ~device.notOffered;
    events.featuresOk(device);
  }
  if ((value & ~before & DRIVER_OK) !== 0) events.driverOk(device);
}
function readStatus(device: DeviceState, value: number): void {
  if (value === 0) device.resetPending = false;
  if (device.resetPending) return;
  if ((value & device.status & FEATURES_OK) !== 0) device.featuresConfirmed = true;
  device.status = value;
}
function readOffered(device: DeviceState, value: number): void {
  device.offeredWords[device.featureSelect] = value;
}
function readMax(device: DeviceState, value: number): void {
  const q = selected(device);
  if (q.sizeWritten) return;
  q.max = value;
  q.size = value;
}
function writeSize(device: DeviceState, value: number): void {
  const q = selected(device);
  q.size = value;
  q.sizeWritten = true;
}
function enable(device: DeviceState, value: number, events: RegisterEvents): void {
  const q = selected(device);
  if (value !== 0 && !q.enabled) {
    q.enabled = true;
    q.notifications = 0;
    events.enable(q);
  }
}
function stop(device: DeviceState, events: RegisterEvents): void {
  const q = selected(device);
  if (!q.enabled) return;
  q.enabled = false;
  events.stop(q);
}
function notify(device: DeviceState, access: Access, events: RegisterEvents): void {
  const { offset, value, space } = access;
  let index: number | undefined = device.has(F.NOTIFICATION_DATA) ? value & 0xffff : value;
  if (space === "notify" && device.notifyMultiplier > 0) {
    index = undefined;
    for (const q of device.queues.values()) {
      if (q.notifyOff !== undefined && q.notifyOff * device.notifyMultiplier === offset) index = q.index;
    }
  }
  const queue = index === undefined ? undefined : device.queues.get(index);
  if (queue !== undefined) queue.notifications++;
  events.notified(device, queue, access);
}

const WRITES: Readonly<Record<string, Handler>> = {
  device_feature_select: (d, v) => void (d.featureSelect = v),
  device_features_sel: (d, v) => void (d.featureSelect = v),
  driver_feature_select: (d, v) => void (d.driverFeatureSelect = v),
  driver_features_sel: (d, v) => void (d.driverFeatureSelect = v),
  driver_feature: (d, v) => void (d.driverFeatureSelect < 4 && (d.acceptedWords[d.driverFeatureSelect] = v)),
  driver_features: (d, v) => void (d.driverFeatureSelect < 4 && (d.acceptedWords[d.driverFeatureSelect] = v)),
  device_status: writeStatus,
  status: writeStatus,
  queue_select: (d, v) => void (d.queueSelect = v),
  queue_sel: (d, v) => void (d.queueSelect = v),
  queue_size: writeSize,
  queue_num: writeSize,
  queue_enable: enable,
  queue_ready: (d, v, events) => v === 0 ? stop(d, events) : enable(d, v, events),
  queue_reset: (d, v, events) => {
    if (v !== 1) return;
    stop(d, events);
    selected(d).reset();
  },
  queue_msix_vector: (d, v) => void (selected(d).vector = v),
  config_msix_vector: (d, v) => void (d.configVector = v),
  queue_notify: notifyMmio,
};
function notifyMmio(d: DeviceState, _value: number, events: RegisterEvents, access: Access): void {
  notify(d, access, events);
}

const READS: Readonly<Record<string, Handler>> = {
  device_feature: readOffered,
  device_features: readOffered,
  device_status: readStatus,
  status: readStatus,
  queue_size: readMax,
  queue_num_max: (d, v) => {
    const q = selected(d);
    q.max = v;
    if (!q.sizeWritten) q.size = v;
  },
  queue_notify_off: (d, v) => void (selected(d).notifyOff = v),
  queue_msix_vector: (d, v) => void (selected(d).vector = v),
  config_msix_vector: (d, v) => void (d.configVector = v),
  device_id: (d, v) => void (d.virtioId = v),
  // Version 1 is the legacy interface (virtio 1.4, 4.2.4).
  version: (d, v) => void (d.legacy ||= v === 1),
};
