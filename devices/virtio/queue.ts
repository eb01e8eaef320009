/**
 * The device's side of virtqueues: {@link createDeviceQueue} makes one for either ring. A device model pops a chain,
 * reads and writes its bytes, pushes it, and raises an interrupt if {@link DeviceQueue.shouldInterrupt} says so.
 */
import type { GuestMemory } from "../guest_memory.ts";
import type { DeviceQueue, DeviceQueueConfig } from "./queue_base.ts";
import { PackedDeviceQueue } from "./queue_packed.ts";
import { SplitDeviceQueue } from "./queue_split.ts";

export { Chain, type Segment } from "./chain.ts";
export {
  type AvailBytes,
  DeviceQueue,
  type DeviceQueueConfig,
  DeviceQueueError,
  type DeviceQueueSnapshot,
  MAX_SEGMENTS,
} from "./queue_base.ts";
export { mapRing, type RingAreas, type RingState } from "./ring_areas.ts";
export { PackedDeviceQueue, SplitDeviceQueue };

/**
 * The device's side of a queue that the driver has just enabled; all indices at their start, unless `state` says otherwise.
 *
 * ```ts
 * import { GuestMemory } from "../guest_memory.ts";
 * import { createDeviceQueue } from "./queue.ts";
 * const memory = new GuestMemory([{ base: 0, bytes: new Uint8Array(0x4000) }]);
 * const features = { packed: false, eventIdx: false, indirect: true, inOrder: false };
 * const queue = createDeviceQueue(memory, { size: 4, desc: 0, driver: 0x1000, device: 0x2000, name: "q", ...features });
 * console.assert(queue.pop() === undefined); // the driver has made nothing available
 * ```
 *
 * @throws {DeviceQueueError} if an area of the ring lies outside guest memory.
 * @throws {RangeError} if the size is not 1 to 32768.
 */
export function createDeviceQueue(memory: GuestMemory, cfg: DeviceQueueConfig): DeviceQueue {
  return cfg.packed ? new PackedDeviceQueue(memory, cfg) : new SplitDeviceQueue(memory, cfg);
}
