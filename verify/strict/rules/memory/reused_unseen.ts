import { F } from "../../../../spec/virtio/features.ts";
import { PackedDesc } from "../../../../spec/virtio/packed.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { chainName, PerQueue, read16 } from "./support.ts";

/** What the driver can know of a ring's descriptors. */
interface Known {
  /** Split: used chains that the driver has seen the index count. */
  seen: number;
  /** Split: by descriptor, how many chains the device had used once it came back. */
  readonly back: Map<number, number>;
  /** Packed: descriptors that the device has used and the driver has not seen yet. */
  readonly unseen: Set<number>;
  /** Packed: by the position of a used descriptor: those that came back with it. */
  readonly groups: Map<number, number[]>;
}

/** A descriptor is free when the driver sees that it came back: that it happens to be back already is luck. */
export const REUSED_UNSEEN: Rule = {
  id: "descriptor-reused-unseen",
  clauses: [
    "drivernormative:Basic Facilities of a Virtio Device / PAcked Virtqueues / The Virtqueue Descriptor Table#1",
  ],
  level: "violation",
  section: "virtio 1.4, 2.8.13.1, 2.7.14",
  title: "A descriptor is used again only after the driver has seen that its chain came back",
  hint:
    "Look at the used ring (or the flags of the next used descriptor) before you take descriptors again; that they " +
    "were free this time was luck. Does the driver count free descriptors at all?",
  watch(scene) {
    const known = new PerQueue<Known>(() => ({
      seen: 0,
      back: new Map(),
      unseen: new Set(),
      groups: new Map(),
    }));
    // A real device's returns are known by the driver's own looks only: then there is nothing unseen.
    const simulated = scene.machine.platform === "simulated";
    return {
      queueEnabled: (queue) => known.forget(queue),
      used(queue, chain) {
        if (!simulated || chain === undefined) return;
        const { ring } = queue;
        const state = known.of(queue);
        if (ring?.kind === "split") {
          for (const d of chain.descriptors) state.back.set(d, ring.used);
          return;
        }
        // One used descriptor may stand for many chains there.
        if (queue.device.has(F.IN_ORDER)) return;
        // Descriptors come back in ring order: those before the used position.
        const end = ring!.indices.used, n = chain.descriptors.length;
        const slots = Array.from({ length: n }, (_, i) => (end - n + i + ring!.size) % ring!.size);
        state.groups.set(slots[0], slots);
        for (const slot of slots) state.unseen.add(slot);
      },
      read(read) {
        const queue = read.part?.queue;
        if (!simulated || queue?.ring === undefined) return;
        const state = known.of(queue);
        const { ring } = queue;
        if (ring.kind === "split") {
          const idx = read.part!.area === "device"
            ? read16(scene, read, ring.addressOf("usedIndex"))
            : undefined;
          if (idx !== undefined) state.seen = ring.used - ((ring.indices.used - idx) & 0xffff);
        } else if (read.part!.area === "desc") {
          const slot = read.part!.offset >> 4;
          const flags = read16(scene, read, ring.addressOf("descriptor", slot) + PackedDesc.FLAGS);
          if (flags === undefined) return;
          for (const s of state.groups.get(slot) ?? []) state.unseen.delete(s);
          state.groups.delete(slot);
        }
      },
      published(queue, chain) {
        const state = known.of(queue);
        const early = chain.descriptors.find((d) => isUnseen(queue, state, d));
        for (const d of chain.descriptors) {
          state.back.delete(d);
          state.unseen.delete(d);
        }
        if (early === undefined) return;
        scene.report({
          device: queue.device,
          queue,
          found:
            `${
              chainName(queue, chain)
            } has descriptor ${early}, which came back from the device unseen: the driver ` +
            "had not looked since",
          expected: "a look at what the device has used before the descriptor is taken again",
          place: chain.place,
        });
      },
    };
  },
};

const isUnseen = (queue: QueueModel, state: Known, d: number): boolean =>
  queue.ring!.kind === "split" ? (state.back.get(d) ?? 0) > state.seen : state.unseen.has(d);
