import type { Owned, QueueModel } from "../../model/queue.ts";
import type { Scene } from "../../rule.ts";

/** A stretch of memory that a chain in flight has, and the queue it is in. */
export interface Held extends Owned {
  readonly queue: QueueModel;
}

/** The enabled queues of all devices. */
export function* enabledQueues(scene: Scene): Generator<QueueModel> {
  for (const device of scene.machine.devices) {
    for (const queue of device.queues.values()) if (queue.enabled && queue.ring !== undefined) yield queue;
  }
}

/** Who has these bytes with a device now: tables and buffers of chains in flight, in any queue. */
export function holderOf(scene: Scene, address: number, length: number): Held | undefined {
  for (const queue of enabledQueues(scene)) {
    const owned = queue.ring!.ownerOf(address, length);
    if (owned !== undefined) return { ...owned, queue };
  }
  return undefined;
}
