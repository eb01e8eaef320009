import { EventSuppr, PackedDesc, PackedDescF } from "../../../../spec/virtio/packed.ts";
import type { DriverRead } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { AwaitingBarrier, type Openness, orderPlatform, REAL_CPU, watchPublished } from "../memory/order.ts";
import { bytesAt, descriptorAt, read16 } from "../memory/support.ts";

const SUPPLYING =
  "drivernormative:Basic Facilities of a Virtio Device / Packed Virtqueues / Supplying Buffers to The Device";

/** Between a chain's descriptors and the flags of the first of them. */
export const PACKED_WRITE_BARRIER: Rule = {
  id: "packed-write-barrier",
  clauses: [`${SUPPLYING} / Updating flags#1`],
  level: "violation",
  section: "virtio 1.4, 2.8.21.2.1",
  title: "A write barrier stands between the descriptors and the flags that make them available",
  hint:
    "Address, length, id and all further descriptors of the list first, then the write barrier, then the flags of the " +
    `first, as a store of its own. ${REAL_CPU}`,
  watch: (scene) =>
    watchPublished(scene, "packed", "open", "a write barrier before the flags of the first descriptor"),
};

/** Reports a look at the device event structure that is not ordered behind the flags. */
export function watchDeviceEvent(scene: Scene, wanted: Openness, missing: string): Watcher {
  const open = new AwaitingBarrier<QueueModel>("general");
  return {
    publishedBatch(queue) {
      if (queue.ring?.kind === "packed") open.add(queue);
    },
    queueStopped: (queue) => open.drop(queue),
    barrier: (kind) => open.barrier(kind),
    read(read) {
      const queue = read.part?.area === "device" ? read.part.queue : undefined;
      if (queue?.ring?.kind !== "packed" || open.state(queue) !== wanted) return;
      if (wanted === "smp" && !orderPlatform(queue)) return;
      open.drop(queue);
      scene.report({
        device: queue.device,
        queue,
        found:
          `the device event structure was read after descriptors up to position ${queue.ring.indices.avail} ` +
          `became available, with ${missing} between`,
        expected: "a general (store-load) barrier between the two",
        evidence: [
          bytesAt(scene, "device event: desc, flags", queue.ring.addressOf("deviceEvent"), EventSuppr.SIZE),
        ],
      });
    },
  };
}

/** Between the flags and the device's word on notifications. */
export const PACKED_FULL_BARRIER: Rule = {
  id: "packed-full-barrier",
  clauses: [`${SUPPLYING} / Sending Available Buffer Notifications#1`],
  level: "violation",
  section: "virtio 1.4, 2.8.21.3.1",
  title: "A full barrier stands between the store of the flags and the load of the device event structure",
  hint:
    "Only a general barrier orders a store before a later load. Without it driver and device can each miss what the " +
    `other has just written, and the notification is lost. ${REAL_CPU}`,
  watch: (scene) => watchDeviceEvent(scene, "open", "no general barrier"),
};

const { AVAIL, USED } = PackedDescF;

/** Whether flags look used: in which lap, they do not say. */
const looksUsed = (flags: number): boolean => (flags & AVAIL) !== 0 === ((flags & USED) !== 0);

/** Reports id or length read before a barrier behind the flags. */
export function watchUsedDescriptors(scene: Scene, wanted: Openness, missing: string): Watcher {
  /** By address of a descriptor: its flags were read as used. */
  const seen = new AwaitingBarrier<number>("read");
  const report = (queue: QueueModel, at: number, what: string) =>
    scene.report({
      device: queue.device,
      queue,
      found: `${what} of descriptor ${(at - queue.desc) / 16}, with ${missing} between`,
      expected: "a read barrier after the flags showed the descriptor as used",
      evidence: [descriptorAt(scene, queue, at)],
    });
  return {
    barrier: (kind) => seen.barrier(kind),
    write(write) {
      // The driver fills it anew: what was seen there is past.
      if (write.part?.area === "desc") seen.drop(write.address - write.part.offset % 16);
    },
    read(read) {
      const queue = read.part?.area === "desc" ? read.part.queue : undefined;
      if (queue?.ring?.kind !== "packed" || wanted === "smp" && !orderPlatform(queue)) return;
      const at = read.address - read.part!.offset % 16;
      const flags = read16(scene, read, at + PackedDesc.FLAGS);
      if (coversLength(read, at) || coversId(read, at) && flags === undefined) {
        if (seen.state(at) === wanted) {
          seen.drop(at);
          report(queue, at, "flags, and then id or length were read");
        }
      }
      if (flags === undefined) return;
      if (looksUsed(flags)) seen.add(at);
      else seen.drop(at);
    },
  };
}

const coversLength = (read: DriverRead, at: number): boolean =>
  read.address < at + PackedDesc.LEN + 4 && read.address + read.length > at + PackedDesc.LEN;
const coversId = (read: DriverRead, at: number): boolean =>
  read.address < at + PackedDesc.ID + 2 && read.address + read.length > at + PackedDesc.ID;

/** Between the flags of a used descriptor and the rest of it. */
export const PACKED_READ_BARRIER: Rule = {
  id: "packed-read-barrier",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.8.22",
  title: "A read barrier stands between the load of a used descriptor's flags and that of its id and length",
  hint: `Read the flags alone, then the read barrier, then id and length. ${REAL_CPU}`,
  watch: (scene) => watchUsedDescriptors(scene, "open", "no read barrier"),
};
