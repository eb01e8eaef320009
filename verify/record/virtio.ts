import type { QueueState, VirtioState } from "./state.ts";

/** What a virtio device is known to be, besides what it shows: the selectors that its registers work by. */
export interface TrackedVirtio extends VirtioState {
  featureSelect: number;
  driverSelect: number;
  queueSelect: number;
}

const FEATURES_OK = 8;
const NO_VECTOR = 0xffff;

export function trackedVirtio(name: string, device: string): TrackedVirtio {
  return {
    name,
    device,
    transport: name.startsWith("virtio-mmio-bus.") ? "mmio" : "pci",
    id: 0,
    status: 0,
    offered: [0, 0],
    accepted: [0, 0],
    agreed: false,
    configVector: -1,
    interrupts: 0,
    resets: 0,
    queues: [],
    featureSelect: 0,
    driverSelect: 0,
    queueSelect: 0,
  };
}

export function copyVirtio(v: TrackedVirtio): TrackedVirtio {
  return {
    ...v,
    offered: [...v.offered],
    accepted: [...v.accepted],
    queues: v.queues.map((q) => ({ ...q })),
  };
}

/** The queue of a number; made when it is first spoken of. Queues are sorted by number. */
export function queueOf(v: VirtioState, index: number): QueueState {
  let q = v.queues.find((x) => x.index === index);
  if (q === undefined) {
    q = {
      index,
      max: 0,
      size: 0,
      enabled: false,
      desc: 0,
      driver: 0,
      device: 0,
      vector: -1,
      notifications: 0,
    };
    v.queues.push(q);
    v.queues.sort((a, b) => a.index - b.index);
  }
  return q;
}

type Access = (v: TrackedVirtio, value: number, write: boolean) => void;

/** Puts a half of 64 bits into place. */
const half = (old: number, value: number, high: boolean) =>
  high ? value * 2 ** 32 + old % 2 ** 32 : Math.floor(old / 2 ** 32) * 2 ** 32 + value;

function area(name: "desc" | "driver" | "device", high: boolean): Access {
  return (v, value, write) => {
    if (!write) return;
    const q = queueOf(v, v.queueSelect);
    q[name] = half(q[name], value, high);
  };
}
const vector = (value: number) => value === NO_VECTOR ? -1 : value;

function writeStatus(v: TrackedVirtio, value: number, write: boolean): void {
  v.status = value & 0xff;
  if (!write) return;
  v.agreed = (value & FEATURES_OK) !== 0;
  if (value !== 0) return;
  // virtio 1.4, 2.4: queues are disabled, nothing is negotiated.
  v.resets++;
  v.accepted.fill(0);
  v.configVector = -1;
  for (const q of v.queues) clear(q);
}
function clear(q: QueueState): void {
  q.enabled = false;
  q.size = q.max;
  q.desc = q.driver = q.device = 0;
  q.vector = -1;
}
function offeredWord(v: TrackedVirtio, value: number, write: boolean): void {
  if (!write && v.featureSelect < 2) v.offered[v.featureSelect] = value;
}
function acceptedWord(v: TrackedVirtio, value: number, write: boolean): void {
  if (write && v.driverSelect < 2) v.accepted[v.driverSelect] = value;
}
function select(v: TrackedVirtio, value: number, write: boolean): void {
  if (!write || value >= 1024) return;
  v.queueSelect = value;
}
function reset(v: TrackedVirtio, value: number, write: boolean): void {
  if (write && value === 1) clear(queueOf(v, v.queueSelect));
}

/** The registers of the common configuration (virtio 1.4, 4.1.4.3) and of virtio-mmio (4.2.2), by their names in traces. */
export const VIRTIO_REGISTERS: ReadonlyMap<string, Access> = new Map<string, Access>([
  ["device_feature_select", (v, value, write) => void (write && (v.featureSelect = value))],
  ["device_features_sel", (v, value, write) => void (write && (v.featureSelect = value ? 1 : 0))],
  ["device_feature", offeredWord],
  ["device_features", offeredWord],
  ["driver_feature_select", (v, value, write) => void (write && (v.driverSelect = value))],
  ["driver_features_sel", (v, value, write) => void (write && (v.driverSelect = value ? 1 : 0))],
  ["driver_feature", acceptedWord],
  ["driver_features", acceptedWord],
  ["device_status", writeStatus],
  ["status", writeStatus],
  ["device_id", (v, value, write) => void (write || (v.id = value))],
  ["config_msix_vector", (v, value) => void (v.configVector = vector(value))],
  ["queue_select", select],
  ["queue_sel", select],
  ["queue_size", (v, value, write) => {
    if (!write && value === 0) return;
    const q = queueOf(v, v.queueSelect);
    if (write) q.size = value;
    else if (q.size === 0) q.size = q.max = value;
  }],
  ["queue_num_max", (v, value, write) => {
    if (write || value === 0) return;
    const q = queueOf(v, v.queueSelect);
    q.max = value;
    q.size ||= value;
  }],
  ["queue_num", (v, value, write) => void (write && (queueOf(v, v.queueSelect).size = value))],
  ["queue_msix_vector", (v, value, write) => {
    if (write) queueOf(v, v.queueSelect).vector = vector(value);
  }],
  ["queue_enable", (v, value, write) => {
    if (write && value === 1) queueOf(v, v.queueSelect).enabled = true;
  }],
  ["queue_ready", (v, value, write) => {
    if (write) queueOf(v, v.queueSelect).enabled = value !== 0;
  }],
  ["queue_reset", reset],
  ["queue_desc", area("desc", false)],
  ["queue_desc_hi", area("desc", true)],
  ["queue_driver", area("driver", false)],
  ["queue_driver_hi", area("driver", true)],
  ["queue_device", area("device", false)],
  ["queue_device_hi", area("device", true)],
  ["queue_desc_low", area("desc", false)],
  ["queue_desc_high", area("desc", true)],
  ["queue_driver_low", area("driver", false)],
  ["queue_driver_high", area("driver", true)],
  ["queue_device_low", area("device", false)],
  ["queue_device_high", area("device", true)],
]);
