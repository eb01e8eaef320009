import type { DriverWrite } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { changes, descriptorAt, hex, plural } from "../memory/support.ts";

const TABLE =
  "drivernormative:Basic Facilities of a Virtio Device / PAcked Virtqueues / The Virtqueue Descriptor Table";
const LISTS =
  "drivernormative:Basic Facilities of a Virtio Device / Packed Virtqueues / Scatter-Gather Support";

/** A descriptor that the device holds is written. */
interface Trespass {
  readonly queue: QueueModel;
  readonly slot: number;
  /** The driver fills descriptors in ring order, and has come round to those it has not got back. */
  readonly noRoom: boolean;
}

/** How far the driver has filled descriptors, one after the other, since it published last. */
class Filled {
  private readonly runs = new Map<QueueModel, { published: number; slots: number }>();

  /** Whether this descriptor is next in the row that begins where the driver published last, or part of it already. */
  reaches(queue: QueueModel, slot: number): boolean {
    const ring = queue.ring!;
    let run = this.runs.get(queue);
    if (run?.published !== ring.published) {
      this.runs.set(queue, run = { published: ring.published, slots: 0 });
    }
    const distance = (slot - ring.indices.avail + ring.size) % ring.size;
    if (distance === run!.slots) run!.slots++;
    return distance < run!.slots;
  }
  forget(queue: QueueModel): void {
    this.runs.delete(queue);
  }
}

/** Descriptors of the device that a write changes; those that a fault of the flags leaves open are not spoken of. */
function trespass(scene: Scene, filled: Filled, write: DriverWrite): Trespass | undefined {
  const { part } = write;
  const ring = part?.queue.ring;
  if (part === undefined || ring?.kind !== "packed" || part.area !== "desc") return undefined;
  const last = (part.offset + write.length - 1) >> 4;
  for (let slot = part.offset >> 4; slot <= last && slot < ring.size; slot++) {
    const address = ring.addressOf("descriptor", slot);
    const noRoom = filled.reaches(part.queue, slot);
    const owner = ring.ownerOf(address, 16);
    if (owner?.what !== "descriptor" || !changes(scene, write)) continue;
    if (owner.chain.faults.some((f) => f.kind === "wrap" && f.descriptor === address)) continue;
    return { queue: part.queue, slot, noRoom };
  }
  return undefined;
}

/** The next descriptors of the ring are the device's still. */
export const PACKED_NO_ROOM: Rule = {
  id: "packed-no-room",
  clauses: [`${LISTS}#5`, `${TABLE}#1`],
  level: "violation",
  section: "virtio 1.4, 2.8.19.1",
  title: "A list is written only where descriptors are free: those that the device holds stay as they are",
  hint:
    "Count the descriptors in flight: a list needs as many free ones as it has elements. They come back when the " +
    "driver sees their USED bit change, as many as the chain with that id had.",
  watch(scene) {
    const filled = new Filled();
    const told = new Map<QueueModel, number>();
    return {
      queueEnabled(queue) {
        told.delete(queue);
        filled.forget(queue);
      },
      write(write) {
        const found = trespass(scene, filled, write);
        if (found === undefined || !found.noRoom) return;
        const ring = found.queue.ring!;
        if (told.get(found.queue) === ring.published) return;
        told.set(found.queue, ring.published);
        const held = ring.descriptorsInFlight;
        scene.report({
          device: found.queue.device,
          queue: found.queue,
          found: `descriptor ${found.slot} was written, but the device holds ${held} of ${
            plural(ring.size, "descriptor")
          }`,
          expected: `no more than the ${ring.size - held} free descriptors from ${ring.indices.avail} on`,
          evidence: [descriptorAt(scene, found.queue, ring.addressOf("descriptor", found.slot))],
        });
      },
    };
  },
};

/** A descriptor that is with the device is changed. */
export const PACKED_DESCRIPTOR_IN_FLIGHT: Rule = {
  id: "packed-descriptor-in-flight",
  clauses: [
    `${TABLE}#2`,
    "drivernormative:General Initialization And Device Operation / Device Cleanup#1",
  ],
  level: "violation",
  section: "virtio 1.4, 2.8.13.1",
  title: "A descriptor stays as it is from the moment it was made available until the device has used it",
  hint:
    "Is this descriptor free? A packed ring is filled in ring order: the next place follows the last one used, and " +
    "has nothing to do with buffer ids.",
  watch(scene) {
    const filled = new Filled();
    return {
      queueEnabled: (queue) => filled.forget(queue),
      write(write) {
        const found = trespass(scene, filled, write);
        if (found === undefined || found.noRoom) return;
        const ring = found.queue.ring!;
        scene.report({
          device: found.queue.device,
          queue: found.queue,
          found:
            `descriptor ${found.slot} was written (${plural(write.length, "byte")} at ${
              hex(write.address)
            }), ` +
            "which is available to the device",
          expected: "no change before the device has used it",
          evidence: [descriptorAt(scene, found.queue, ring.addressOf("descriptor", found.slot))],
        });
      },
    };
  },
};
