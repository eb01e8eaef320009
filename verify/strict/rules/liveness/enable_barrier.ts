import { F } from "../../../../spec/virtio/features.ts";
import { PackedDesc, PackedDescF } from "../../../../spec/virtio/packed.ts";
import type { DriverRead } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Place } from "../../report.ts";
import type { Rule, Scene } from "../../rule.ts";
import { AwaitingBarrier, REAL_CPU } from "../memory/order.ts";
import { bytesAt, changes, read16, together } from "../memory/support.ts";
import { interruptsWanted, isWish } from "./interrupt_race.ts";
import { Taken } from "./taken.ts";

const { AVAIL, USED } = PackedDescF;

/** Whether a read looks for used buffers and finds that all were taken. */
function findsNothing(scene: Scene, queue: QueueModel, read: DriverRead, taken: Taken): boolean {
  const ring = queue.ring!;
  if (ring.kind === "split") {
    const idx = read.part!.area === "device" ? read16(scene, read, ring.addressOf("usedIndex")) : undefined;
    return idx !== undefined && idx === ((ring.indices.used - taken.count(queue)) & 0xffff);
  }
  if (read.part!.area !== "desc") return false;
  const at = ring.addressOf("descriptor", read.part!.offset >> 4) + PackedDesc.FLAGS;
  const flags = read16(scene, read, at);
  return flags !== undefined && (flags & AVAIL) !== 0 !== ((flags & USED) !== 0);
}

/** Asking for interrupts is a store, the look after it a load: only a full barrier keeps them in order. */
export const ENABLE_BARRIER: Rule = {
  id: "interrupts-enabled-barrier",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.14",
  title: "A full barrier stands between asking for interrupts and the last look for used buffers",
  hint:
    "Without it the look may be done before the device can see the wish: each misses what the other has just done, and " +
    `nobody goes on. ${REAL_CPU}`,
  watch(scene) {
    const open = new AwaitingBarrier<QueueModel>("general");
    const taken = new Taken();
    /** Queues whose last look was not ordered behind the wish; where that was written. */
    const hasty = new Set<QueueModel>();
    const places = new Map<QueueModel, Place>();
    const forget = (queue: QueueModel) => {
      open.drop(queue);
      hasty.delete(queue);
    };
    return together(taken.watcher, {
      queueEnabled: forget,
      queueStopped: forget,
      barrier: (kind) => open.barrier(kind),
      write(write) {
        const { part } = write;
        const ring = part?.queue.ring;
        if (ring === undefined || part!.area !== "driver" || !isWish(part!.queue, part!.offset)) return;
        if (!changes(scene, write)) return;
        const { queue } = part!;
        forget(queue);
        if (!interruptsWanted(scene, queue)) return;
        open.add(queue);
        places.set(queue, scene.machine.place());
      },
      read(read) {
        const queue = read.part?.queue;
        if (queue?.ring === undefined || open.state(queue) === undefined && !hasty.has(queue)) return;
        if (!findsNothing(scene, queue, read, taken)) return;
        if (open.state(queue) === "open") hasty.add(queue);
        else hasty.delete(queue);
      },
      // Who looks on and on misses nothing.
      idle() {
        for (const queue of hasty) report(scene, queue, places.get(queue));
        hasty.clear();
      },
    });
  },
};

function report(scene: Scene, queue: QueueModel, place: Place | undefined): void {
  const { ring, device } = queue;
  if (ring === undefined || !queue.enabled || !device.live || ring.inFlight.size === 0) return;
  const wish = ring.kind === "packed"
    ? bytesAt(scene, "driver event: desc, flags", ring.addressOf("driverEvent"), 4)
    : device.has(F.EVENT_IDX)
    ? bytesAt(scene, "used_event", ring.addressOf("usedEvent"), 2)
    : bytesAt(scene, "available ring: flags, idx", ring.addressOf("availFlags"), 4);
  scene.report({
    device,
    queue,
    found:
      `interrupts of ${queue.name} were asked for, the driver looked for used buffers and found none, with no general ` +
      "barrier between, and the CPU went idle",
    expected: "a general (store-load) barrier between the two",
    evidence: [wish],
    place,
  });
}
