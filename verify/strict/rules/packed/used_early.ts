import { F } from "../../../../spec/virtio/features.ts";
import { PackedDesc, PackedDescF } from "../../../../spec/virtio/packed.ts";
import type { Rule } from "../../rule.ts";
import { DriverAtFault } from "../memory/driver_at_fault.ts";
import { descriptorAt, hex, overlap, PerQueue, read16, together } from "../memory/support.ts";

const { AVAIL, USED } = PackedDescF;

/** What the driver saw last, and which descriptors hold what the device has used. */
interface Seen {
  /** Descriptor whose flags were read last and looked used; what the flags were. */
  slot: number | undefined;
  flags: number;
  /** Descriptors that the device has used, and the driver has not taken, or is taking. */
  readonly used: Set<number>;
  /** The one that it is taking. */
  taking: number | undefined;
  /** Descriptors that the device has used at any time: their flags are of an earlier lap. */
  readonly ever: Set<number>;
}

/** In the next lap what was used in the last one looks the same, but for the wrap counter. */
export const PACKED_USED_EARLY: Rule = {
  id: "packed-used-early",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.8.1, 2.8.22",
  title:
    "A descriptor is used when AVAIL and USED both equal the driver's used wrap counter, not when they are equal",
  hint:
    "After the first lap all descriptors of the ring have AVAIL and USED equal: those of the last lap with the other " +
    "value. Compare both with the wrap counter, and change it at the end of the ring.",
  watch(scene) {
    const states = new PerQueue<Seen>(() => ({
      slot: undefined,
      flags: 0,
      used: new Set(),
      taking: undefined,
      ever: new Set(),
    }));
    const fault = new DriverAtFault(scene);
    return together(fault.watcher, {
      queueEnabled: (queue) => states.forget(queue),
      queueStopped: (queue) => states.forget(queue),
      used(queue, chain) {
        const { ring } = queue;
        if (ring?.kind !== "packed") return;
        const n = chain?.descriptors.length ?? 1;
        const slot = (ring.indices.used - n + ring.size) % ring.size;
        const state = states.of(queue);
        state.used.add(slot);
        state.ever.add(slot);
        if (state.taking === slot) state.taking = undefined;
      },
      write(write) {
        const { part } = write;
        if (part?.area !== "desc" || part.queue.ring?.kind !== "packed") return;
        const state = states.of(part.queue);
        const slot = part.offset >> 4;
        state.used.delete(slot);
        if (state.slot === slot) state.slot = undefined;
        if (state.taking === slot) state.taking = undefined;
      },
      read(read) {
        const { part } = read;
        const ring = part?.queue.ring;
        if (ring?.kind !== "packed" || part!.area !== "desc" || part!.queue.device.has(F.IN_ORDER)) return;
        const state = states.of(part!.queue);
        const slot = part!.offset >> 4;
        const at = ring.addressOf("descriptor", slot);
        const flags = read16(scene, read, at + PackedDesc.FLAGS);
        if (flags !== undefined) {
          if (state.taking !== undefined && state.taking !== slot) state.used.delete(state.taking);
          const looksUsed = (flags & AVAIL) !== 0 === ((flags & USED) !== 0);
          state.slot = looksUsed ? slot : undefined;
          state.flags = flags;
          return;
        }
        if (state.slot !== slot || !overlap(read.address, read.length, at + PackedDesc.LEN, 6)) return;
        if (state.used.has(slot)) {
          state.taking = slot;
          return;
        }
        state.slot = undefined;
        // What a ring was before it was set up, or is after it was spoilt, has rules of its own.
        if (!state.ever.has(slot) || fault.of(part!.queue)) return;
        scene.report({
          device: part!.queue.device,
          queue: part!.queue,
          found:
            `id or length of descriptor ${slot} were read after its flags, ${
              hex(state.flags)
            }, which the device has ` +
            "not written in this lap",
          expected: ring.indices.usedWrap === 1 ? "AVAIL and USED both set" : "AVAIL and USED both clear",
          evidence: [descriptorAt(scene, part!.queue, at)],
        });
      },
    });
  },
};
