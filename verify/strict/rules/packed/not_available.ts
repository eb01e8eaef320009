import { PackedDesc, PackedDescF } from "../../../../spec/virtio/packed.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Place } from "../../report.ts";
import type { Rule } from "../../rule.ts";
import { descriptorAt, hex, PerQueue, read16 } from "../memory/support.ts";

const { AVAIL, USED } = PackedDescF;

/** The next descriptor was written, and is not available. */
interface Hidden {
  /** Descriptors whose address or length was written: somebody means to publish them, not to clear their flags. */
  readonly filled: Set<number>;
  slot: number | undefined;
  place: Place;
}

/** Flags that make nothing available: the device goes on waiting for this descriptor. */
export const PACKED_NOT_AVAILABLE: Rule = {
  id: "packed-not-available",
  clauses: [
    "devicenormative:Basic Facilities of a Virtio Device / Packed Virtqueues / The Virtqueue Descriptor Table#3",
  ],
  level: "violation",
  section: "virtio 1.4, 2.8.1",
  title: "A descriptor is made available by AVAIL as the wrap counter and USED its opposite",
  hint:
    "The wrap counter begins at 1 and changes each time the driver goes over the end of the ring. In a lap with 1 " +
    "write AVAIL, in one with 0 write USED. Flags stand behind the id, at offset 14.",
  watch(scene) {
    const hidden = new PerQueue<Hidden>(() => ({ filled: new Set(), slot: undefined, place: [] }));
    const settle = (queue: QueueModel, when: string) => {
      const state = hidden.of(queue);
      const { slot } = state;
      const ring = queue.ring;
      state.slot = undefined;
      if (slot === undefined || ring?.kind !== "packed" || !queue.enabled) return;
      if (slot !== ring.indices.avail) return;
      const at = ring.addressOf("descriptor", slot);
      // All of it was cleared.
      if (scene.machine.u64(at + PackedDesc.ADDR) === 0 && scene.machine.u32(at + PackedDesc.LEN) === 0) {
        return;
      }
      const flags = scene.machine.u16(at + PackedDesc.FLAGS);
      const wrap = ring.indices.availWrap;
      scene.report({
        device: queue.device,
        queue,
        found:
          `descriptor ${slot}, the next of ${queue.name}, has flags ${
            hex(flags)
          } ${when}: it is not available in ` +
          `this lap, whose wrap counter is ${wrap}`,
        expected: wrap === 1
          ? "AVAIL (0x80) set and USED (0x8000) clear"
          : "AVAIL (0x80) clear and USED (0x8000) set",
        evidence: [descriptorAt(scene, queue, at)],
        place: state.place,
      });
    };
    return {
      queueEnabled: (queue) => hidden.forget(queue),
      queueStopped: (queue) => hidden.forget(queue),
      publishedBatch: (queue) => hidden.forget(queue),
      write(write) {
        const { part } = write;
        const ring = part?.queue.ring;
        // Longer writes clear rings.
        if (ring?.kind !== "packed" || part!.area !== "desc" || write.length > 16) return;
        const slot = part!.offset >> 4;
        const at = ring.addressOf("descriptor", slot) + PackedDesc.FLAGS;
        const state = hidden.of(part!.queue);
        if ((part!.offset & 15) < PackedDesc.ID) state.filled.add(slot);
        if (!state.filled.has(slot)) return;
        const flags = read16(scene, { ...write, value: undefined }, at);
        if (slot !== ring.indices.avail || flags === undefined) return;
        const wrap = ring.indices.availWrap === 1;
        if ((flags & AVAIL) !== 0 === wrap && (flags & USED) !== 0 !== wrap) return;
        // A descriptor that the device holds still has a rule of its own.
        if (ring.ownerOf(at, 2)?.what === "descriptor") return;
        state.slot = slot;
        state.place = scene.machine.place();
      },
      notified(_device, queue) {
        if (queue !== undefined) settle(queue, "when the device was notified");
      },
      idle() {
        for (const [queue] of hidden.entries()) settle(queue, "when the CPU went idle");
      },
      end() {
        for (const [queue] of hidden.entries()) settle(queue, "at the end");
      },
    };
  },
};
