import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr, RingEventFlags } from "../../../../spec/virtio/packed.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { bytesAt, hex } from "../memory/support.ts";

/** What is wrong with the driver event structure, or undefined. */
function fault(scene: Scene, queue: QueueModel): { found: string; expected: string } | undefined {
  const at = queue.ring!.addressOf("driverEvent");
  const flags = scene.machine.u16(at + EventSuppr.FLAGS);
  const desc = scene.machine.u16(at + EventSuppr.DESC);
  const eventIdx = queue.device.has(F.EVENT_IDX);
  if (flags > RingEventFlags.DESC) {
    return { found: `flags of the driver event structure are ${hex(flags)}`, expected: "0, 1 or 2" };
  }
  if (flags !== RingEventFlags.DESC) return undefined;
  if (!eventIdx) {
    return {
      found: "flags of the driver event structure are 2: an interrupt at one descriptor",
      expected: "0 or 1, as VIRTIO_F_EVENT_IDX was not accepted",
    };
  }
  const offset = desc & 0x7fff;
  return offset < queue.ring!.size ? undefined : {
    found: `the driver event structure asks for an interrupt at descriptor ${offset}`,
    expected: `a descriptor of the ring, below ${queue.ring!.size}`,
  };
}

/** How the driver says when it wants interrupts. */
export const PACKED_DRIVER_EVENT: Rule = {
  id: "packed-driver-event",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.8.10",
  title:
    "The driver event structure asks for interrupts: 0 always, 1 never, 2 at one descriptor if EVENT_IDX was negotiated; 3 is reserved",
  hint:
    "Write the value, do not or it into what is there: 1 and 2 together are 3. To disable is 1, to enable is 0.",
  watch(scene) {
    const look = (queue: QueueModel) => {
      if (queue.ring?.kind !== "packed") return;
      const wrong = fault(scene, queue);
      if (wrong === undefined) return;
      const at = queue.ring.addressOf("driverEvent");
      scene.report({
        device: queue.device,
        queue,
        ...wrong,
        evidence: [bytesAt(scene, "driver event: desc, flags", at, EventSuppr.SIZE)],
      });
    };
    return {
      queueEnabled: look,
      write(write) {
        if (write.part?.area === "driver") look(write.part.queue);
      },
    };
  },
};
