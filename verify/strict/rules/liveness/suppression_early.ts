import type { DriverRead } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Place } from "../../report.ts";
import type { Rule } from "../../rule.ts";
import { PerQueue } from "../memory/support.ts";
import { suppressionRead } from "../split/barriers.ts";
import { wishOf } from "./lost_notification.ts";
import { looksForUsed } from "./notifications.ts";

/** Looks in vain after which a driver waits. */
const PATIENCE = 4;

/** What the driver asked the device's wish, and when. */
interface Asked {
  /** The wish was read while there was nothing new to tell of. */
  before: boolean;
  /** Chains were published since, and neither the wish was read nor the device notified. */
  open: boolean;
  /** The wish was read for what was published last: further reads belong to the same look. */
  decided: boolean;
  /** As {@link before}, when the open chains were published. */
  early: boolean;
  /** Looks for used buffers since, in vain. */
  looks: number;
  place: Place;
}

/** Whether a read is about the device's wish. */
const asks = (queue: QueueModel, read: DriverRead): boolean =>
  queue.ring?.kind === "packed" ? read.part?.area === "device" : suppressionRead(queue, read) !== undefined;

/** The device's wish is read, and then it changes. */
export const SUPPRESSION_READ_EARLY: Rule = {
  id: "suppression-read-early",
  clauses: [
    "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / Supplying Buffers to The Device / Notifying The Device#1",
    "drivernormative:Basic Facilities of a Virtio Device / Packed Virtqueues / Supplying Buffers to The Device / Sending Available Buffer Notifications#1",
  ],
  level: "violation",
  section: "virtio 1.4, 2.7.13.4, 2.8.21.3",
  title: "Whether the device wants a notification is read after the chain was published, not before",
  hint:
    "The device may ask for notifications, find nothing new, and go to sleep between the driver's look and its store. " +
    "Publish, a full barrier, then look.",
  watch(scene) {
    const asked = new PerQueue<Asked>(() => ({
      before: false,
      open: false,
      decided: false,
      early: false,
      looks: 0,
      place: [],
    }));
    const settle = (queue: QueueModel, state: Asked) => {
      if (!state.open) return;
      state.open = false;
      if (!state.early || !queue.device.live) return;
      scene.report({
        device: queue.device,
        queue,
        found:
          `what ${queue.name} wants was read before the chain was published, not after, and no notification followed`,
        expected: "a look at it after the chain was published",
        evidence: wishOf(scene, queue),
        place: state.place,
      });
    };
    return {
      queueEnabled: (queue) => asked.forget(queue),
      queueStopped: (queue) => asked.forget(queue),
      published(queue, chain) {
        asked.of(queue).place = chain.place;
      },
      publishedBatch(queue) {
        const state = asked.of(queue);
        state.early = state.before;
        state.before = state.decided = false;
        state.open = true;
        state.looks = 0;
      },
      used: (queue) => void (asked.of(queue).looks = 0),
      notified(_device, queue) {
        if (queue === undefined) return;
        const state = asked.of(queue);
        state.open = state.before = false;
      },
      read(read) {
        const queue = read.part?.queue;
        if (queue === undefined) return;
        const state = asked.of(queue);
        if (asks(queue, read)) {
          if (state.open) {
            state.open = state.before = false;
            state.decided = true;
          } else if (!state.decided) state.before = true;
        } else if (looksForUsed(read)) {
          state.decided = false;
          // Who looks now and then while it fills the ring may still notify; who looks on and on waits.
          if (++state.looks > PATIENCE) settle(queue, state);
        }
      },
      idle() {
        for (const [queue, state] of asked.entries()) {
          state.decided = false;
          settle(queue, state);
        }
      },
    };
  },
};
