import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";

/** What a watcher keeps of each device. */
export class PerDevice<T> {
  private readonly kept = new Map<string, T>();

  constructor(private readonly make: () => T) {}

  of(device: DeviceModel): T {
    let state = this.kept.get(device.place);
    if (state === undefined) this.kept.set(device.place, state = this.make());
    return state;
  }
  /** Forgets what is known of a device: it was reset. */
  clear(device: DeviceModel): void {
    this.kept.delete(device.place);
  }
  /** All devices that something is kept of. */
  values(): Iterable<T> {
    return this.kept.values();
  }
}

/** What a watcher keeps of each queue. */
export class PerQueue<T> {
  private readonly kept = new Map<string, T>();

  constructor(private readonly make: () => T) {}

  of(device: DeviceModel, index: number): T {
    const key = `${device.place} ${index}`;
    let state = this.kept.get(key);
    if (state === undefined) this.kept.set(key, state = this.make());
    return state;
  }
  ofQueue(queue: QueueModel): T {
    return this.of(queue.device, queue.index);
  }
  clear(device: DeviceModel): void {
    for (const key of this.kept.keys()) if (key.startsWith(`${device.place} `)) this.kept.delete(key);
  }
}

/** The queue that the device's registers show, if anything is known of it. */
export const selectedQueue = (device: DeviceModel): QueueModel | undefined =>
  device.queues.get(device.queueSelect);
