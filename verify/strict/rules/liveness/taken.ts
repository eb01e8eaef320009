import { F } from "../../../../spec/virtio/features.ts";
import type { DriverRead } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Watcher } from "../../rule.ts";
import { overlap, PerQueue } from "../memory/support.ts";

/** What a queue's device gave back and the driver did not take: it has not read the entry, or the used descriptor. */
interface Left {
  /** Addresses of used entries, or of used descriptors, oldest first; with how many readable-only chains stand there. */
  readonly at: Map<number, boolean>;
  /** Descriptor that the driver looked at last; packed. */
  lastSlot: number | undefined;
}

/** Follows which used buffers were taken. With IN_ORDER, where entries stand for others, nothing is said. */
export class Taken {
  private readonly left = new PerQueue<Left>(() => ({ at: new Map(), lastSlot: undefined }));

  readonly watcher: Watcher = {
    queueEnabled: (queue) => this.left.forget(queue),
    queueStopped: (queue) => this.left.forget(queue),
    used: (queue, chain) => {
      const { ring } = queue;
      if (ring === undefined || chain === undefined || queue.device.has(F.IN_ORDER)) return;
      const n = chain.descriptors.length;
      const at = ring.kind === "split"
        ? ring.addressOf("usedEntry", (ring.indices.used - 1) & 0xffff)
        : ring.addressOf("descriptor", (ring.indices.used - n + ring.size) % ring.size);
      const left = this.left.of(queue);
      left.at.delete(at);
      left.at.set(at, chain.segments.every((s) => !s.writable));
    },
    read: (read) => {
      const { part } = read;
      const ring = part?.queue.ring;
      if (ring === undefined) return;
      const area = ring.kind === "split" ? "device" : "desc";
      if (part!.area !== area) return;
      const left = this.left.of(part!.queue);
      if (ring.kind === "packed") left.lastSlot = part!.offset >> 4;
      if (left.at.size > 0) take(part!.queue, read, left.at);
    },
  };

  /** Used buffers that were not taken. */
  count(queue: QueueModel): number {
    return this.left.of(queue).at.size;
  }
  /** Of these, chains that the device only read. */
  sent(queue: QueueModel): number {
    return [...this.left.of(queue).at.values()].filter((readable) => readable).length;
  }
  /** Address of the oldest. */
  oldest(queue: QueueModel): number | undefined {
    return this.left.of(queue).at.keys().next().value;
  }
  /** Where the driver looks while the device has used another place; undefined if it looks there. Packed rings. */
  elsewhere(queue: QueueModel): { looksAt: number; used: number } | undefined {
    const { lastSlot } = this.left.of(queue);
    const oldest = this.oldest(queue);
    if (lastSlot === undefined || oldest === undefined || queue.ring?.kind !== "packed") return undefined;
    const used = (oldest - queue.desc) / 16;
    return used === lastSlot ? undefined : { looksAt: lastSlot, used };
  }
}

/** A read of the id or the length of used entries, or used descriptors, takes them. */
function take(queue: QueueModel, read: DriverRead, left: Map<number, boolean>): void {
  const ring = queue.ring!;
  const [first, step, from, length] = ring.kind === "split"
    ? [ring.addressOf("usedEntry", 0), 8, 0, 8]
    : [ring.addressOf("descriptor", 0), 16, 8, 6];
  const end = read.address + read.length;
  let at = first + step * Math.max(0, Math.floor((read.address - first) / step));
  for (; at < end; at += step) if (overlap(read.address, read.length, at + from, length)) left.delete(at);
}
