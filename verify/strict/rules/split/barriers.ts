import { F } from "../../../../spec/virtio/features.ts";
import type { DriverRead } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import {
  AwaitingBarrier,
  forDevices,
  type Openness,
  orderPlatform,
  orders,
  REAL_CPU,
  watchPublished,
} from "../memory/order.ts";
import { bytesAt, PerQueue, read16 } from "../memory/support.ts";

const SUPPLYING =
  "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Supplying Buffers to The Device";

/** Between what is published and the index that publishes it. */
export const SPLIT_WRITE_BARRIER: Rule = {
  id: "split-write-barrier",
  clauses: [`${SUPPLYING} / Updating idx#1`],
  level: "violation",
  section: "virtio 1.4, 2.7.13.3.1",
  title:
    "A write barrier stands between descriptors and entry, and the available index that makes them visible",
  hint: `Call the write barrier right before the store of idx. ${REAL_CPU}`,
  watch: (scene) =>
    watchPublished(scene, "split", "open", "a write barrier before the available index is written"),
};

/** Which of the fields that decide on a notification a read is about; whole areas that are read say nothing. */
export function suppressionRead(queue: QueueModel, read: DriverRead): "usedFlags" | "availEvent" | undefined {
  const { ring } = queue;
  if (ring?.kind !== "split" || read.length > 2) return undefined;
  if (read.address === ring.addressOf("usedFlags")) return "usedFlags";
  return read.address === ring.addressOf("availEvent") ? "availEvent" : undefined;
}

/** Reports a look at the device's wish that is not ordered behind the index: `wanted` says by what it is not. */
export function watchSuppression(scene: Scene, wanted: Openness, missing: string): Watcher {
  const open = new AwaitingBarrier<QueueModel>("general");
  return {
    publishedBatch(queue) {
      if (queue.ring?.kind === "split") open.add(queue);
    },
    queueStopped: (queue) => open.drop(queue),
    barrier: (kind) => open.barrier(kind),
    read(read) {
      const queue = read.part?.area === "device" ? read.part.queue : undefined;
      if (queue === undefined || open.state(queue) !== wanted) return;
      if (wanted === "smp" && !orderPlatform(queue)) return;
      const field = suppressionRead(queue, read);
      if (field === undefined) return;
      open.drop(queue);
      scene.report({
        device: queue.device,
        queue,
        found:
          `${field === "usedFlags" ? "flags of the used ring were" : "avail_event was"} read after the ` +
          `available index became ${queue.ring!.indices.avail}, with ${missing} between`,
        expected: "a general (store-load) barrier between the two",
        evidence: [bytesAt(scene, "available ring: flags, idx", queue.ring!.addressOf("availFlags"), 4)],
      });
    },
  };
}

/** Between the index and the device's word on notifications. */
export const SPLIT_FULL_BARRIER: Rule = {
  id: "split-full-barrier",
  clauses: [`${SUPPLYING} / Notifying The Device#1`],
  level: "violation",
  section: "virtio 1.4, 2.7.13.4.1",
  title:
    "A full barrier stands between the store of the available index and the load of the used ring's flags or avail_event",
  hint:
    "Only a general barrier orders a store before a later load. Without it driver and device can each miss what the " +
    `other has just written, and the notification is lost. ${REAL_CPU}`,
  watch: (scene) => watchSuppression(scene, "open", "no general barrier"),
};

/** How far the driver has seen the used index go: at all, and with a read barrier behind the look. */
interface Seen {
  idx: number;
  safe: number;
  safeForDevices: number;
}

/** The entry of the used ring at an address, if a read is about one. */
function slotOf(queue: QueueModel, read: DriverRead): number | undefined {
  const ring = queue.ring!;
  const first = ring.addressOf("usedEntry", 0);
  const slot = (read.address - first) >> 3;
  return read.address >= first && slot < ring.size && read.length <= 8 ? slot : undefined;
}

/** Reports an entry read too early: `wanted` as in {@link unorderedPart}. */
export function watchUsedEntries(
  scene: Scene,
  smpOnly: boolean,
  expected: string,
): ReturnType<Rule["watch"]> {
  const seen = new PerQueue<Seen>(() => ({ idx: 0, safe: 0, safeForDevices: 0 }));
  return {
    queueEnabled: (queue) => seen.forget(queue),
    barrier(kind) {
      if (!orders(kind, "read")) return;
      for (const [, state] of seen.entries()) {
        state.safe = state.idx;
        if (forDevices(kind)) state.safeForDevices = state.idx;
      }
    },
    read(read) {
      const queue = read.part?.area === "device" ? read.part.queue : undefined;
      if (queue?.ring?.kind !== "split" || smpOnly && !queue.device.has(F.ORDER_PLATFORM)) return;
      const { ring } = queue;
      const state = seen.of(queue);
      const idx = read16(scene, read, ring.addressOf("usedIndex"));
      if (idx !== undefined) {
        state.idx = idx;
        return;
      }
      const slot = slotOf(queue, read);
      if (slot === undefined) return;
      const safe = smpOnly ? state.safeForDevices : state.safe;
      for (let n = 0; n < ((state.idx - safe) & 0xffff) && n < ring.size; n++) {
        if (((safe + n) & 0xffff) % ring.size !== slot) continue;
        if (smpOnly && ((state.safe - safe) & 0xffff) <= n) return;
        scene.report({
          device: queue.device,
          queue,
          found: `entry ${slot} of the used ring was read after the used index, ${state.idx}, with ` +
            `${smpOnly ? "no barrier that devices heed" : "no read barrier"} between`,
          expected,
          evidence: [
            bytesAt(scene, "used ring: flags, idx", ring.addressOf("usedFlags"), 4),
            bytesAt(scene, `used ring entry ${slot}`, ring.addressOf("usedEntry", slot), 8),
          ],
        });
        return;
      }
    },
  };
}

/** Between the used index and the entries that it counts. */
export const SPLIT_READ_BARRIER: Rule = {
  id: "split-read-barrier",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.14",
  title: "A read barrier stands between the load of the used index and that of the entries it counts",
  hint:
    `Read idx, then the read barrier, then id and len. Before the load of idx it is of no use. ${REAL_CPU}`,
  watch: (scene) => watchUsedEntries(scene, false, "a read barrier after the used index was read"),
};
