import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr, RingEventFlags } from "../../../../spec/virtio/packed.ts";
import { needEvent, USED_F_NO_NOTIFY } from "../../../../spec/virtio/split.ts";
import type { DriverRead } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Place } from "../../report.ts";
import type { Scene } from "../../rule.ts";
import { read16 } from "../memory/support.ts";
import { suppressionRead } from "../split/barriers.ts";

/** What the driver owes a queue's device. Counts are chains published since the queue was enabled. */
export interface Debt {
  /** Chains up to here were told of, or the driver saw that it need not tell. */
  decided: number;
  /** The driver saw that a notification is wanted, for chains up to here. */
  owed: number | undefined;
  /** Chains up to here are those that the driver saw it need not tell of, at its last look. */
  declined: number | undefined;
  /** Chains up to here were told of. */
  told: number;
  /** Looks for used buffers since chains were published. */
  looks: number;
  /** Where the driver published last. */
  place: Place;
}

export const newDebt = (): Debt => ({
  decided: 0,
  owed: undefined,
  declined: undefined,
  told: 0,
  looks: 0,
  place: [],
});

/**
 * Whether what the driver has just read says that the device wants a notification for what is new (virtio 1.4, 2.7.10,
 * 2.8.10); undefined if the read is about something else.
 */
export function wanted(
  scene: Scene,
  queue: QueueModel,
  read: DriverRead,
  since: number,
): boolean | undefined {
  const { ring } = queue;
  if (ring === undefined || read.part?.area !== "device") return undefined;
  const eventIdx = queue.device.has(F.EVENT_IDX);
  if (ring.kind === "split") {
    const field = suppressionRead(queue, read);
    if (field !== (eventIdx ? "availEvent" : "usedFlags")) return undefined;
    const value = read16(scene, read, read.address)!;
    if (!eventIdx) return (value & USED_F_NO_NOTIFY) === 0;
    const { avail } = ring.indices;
    return needEvent(value, avail, (avail - Math.min(ring.published - since, 0xffff)) & 0xffff);
  }
  const flags = read16(scene, read, ring.addressOf("deviceEvent") + EventSuppr.FLAGS);
  if (flags === undefined) return undefined;
  if ((flags & 3) !== RingEventFlags.DESC) return (flags & 3) === RingEventFlags.ENABLE;
  return ring.wantsNotification(since);
}

/** Whether a read looks for used buffers. */
export function looksForUsed(read: DriverRead): boolean {
  const { part } = read;
  const ring = part?.queue.ring;
  if (part === undefined || ring === undefined) return false;
  if (ring.kind === "packed") return part.area === "desc";
  const field = ring.addressOf("usedIndex");
  return read.address <= field && read.address + read.length >= field + 2;
}
