import type { Watcher } from "../../rule.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Scene } from "../../rule.ts";
import { overRing } from "./in_ring.ts";
import { changes } from "./support.ts";

/** Registers that say where and how large a queue is; of one that is enabled they are not to be written. */
const DESCRIBES_QUEUE = /^queue_(?:size|num|desc|driver|device)/;

/**
 * Queues in which the driver broke a rule: whatever their devices do afterwards may follow from it, and is not held
 * against them. One watcher of its own; ask {@link DriverAtFault.of}.
 */
export class DriverAtFault {
  private readonly queues = new Set<QueueModel>();

  constructor(private readonly scene: Scene) {}

  of(queue: QueueModel): boolean {
    return this.queues.has(queue);
  }
  /** Any queue at all, or a device that is driven by the legacy interface, which is not followed. */
  get any(): boolean {
    return this.queues.size > 0 || this.scene.machine.devices.some((d) => d.legacy);
  }
  /** What it has to be told. */
  readonly watcher: Watcher = {
    queueEnabled: (queue) => {
      const { ring } = queue;
      // A queue without addresses, or with a used ring that does not start at 0: its device goes by what it has itself.
      const unfit = queue.desc === 0 || queue.driver === 0 || queue.deviceArea === 0 ||
        ring?.kind === "split" && this.scene.machine.u16(ring.addressOf("usedIndex")) !== 0;
      if (unfit) this.queues.add(queue);
      else this.queues.delete(queue);
    },
    access: ({ device, register, write }) => {
      const queue = device.queues.get(device.queueSelect);
      if (write && queue?.enabled && DESCRIBES_QUEUE.test(register ?? "")) this.queues.add(queue);
    },
    published: (queue, chain) => {
      if (chain.faults.length > 0 || overRing(this.scene, chain)) this.queues.add(queue);
    },
    write: (write) => {
      const { part } = write;
      if (part === undefined || !changes(this.scene, write)) return;
      if (
        part.area === "device" || part.queue.ring!.ownerOf(write.address, write.length)?.what === "descriptor"
      ) {
        this.queues.add(part.queue);
      }
      const { ring } = part.queue;
      if (part.area !== "driver" || ring?.kind !== "split") return;
      const step = (this.scene.machine.u16(ring.addressOf("availIndex")) - ring.indices.avail) & 0xffff;
      if (step > ring.size) this.queues.add(part.queue);
    },
  };
}
