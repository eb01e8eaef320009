import { F } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { PackedDesc } from "../../../../spec/virtio/packed.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { type Returned, watchBeyond } from "../buffers/used_length.ts";
import { Areas } from "../support/areas.ts";
import { lengthOf, stretches } from "../support/segments.ts";

/** Where a used entry of a split ring has its length. */
const USED_LEN = 4;

const isRng = (device: DeviceModel): boolean => device.virtioId === VirtioId.Rng && !device.legacy;

export const RNG_USED_LENGTH: Rule = {
  id: "rng-used-length",
  clauses: ["drivernormative:Device Types / Entropy Device / Device Operation#2"],
  level: "violation",
  section: "virtio 1.4, 5.4.6.1",
  title: "Only as many bytes of a buffer are random as the device wrote",
  hint:
    "An entropy device may fill less than it was given: take len of the used entry (packed: of the descriptor).",
  watch: (scene) => watchBeyond(scene, isRng),
};

export const RNG_LENGTH_EXAMINED: Rule = {
  id: "rng-length-examined",
  clauses: ["drivernormative:Device Types / Entropy Device / Device Operation#2"],
  level: "violation",
  section: "virtio 1.4, 5.4.6.1",
  title: "A driver looks how many random bytes the device wrote before it takes them",
  hint:
    "len of the used entry (packed: of the descriptor) is the number of random bytes; the rest of the buffer is old.",
  watch({ machine, report }) {
    const buffers = new Areas<Returned>();
    /** By address of the length: chains whose length was not read yet. */
    const lengths = new Map<number, Chain>();
    const forget = (which: (r: Returned) => boolean) => buffers.drop(which);
    /** Also what other chains have of the same bytes: whose length it is that was read, nobody can say then. */
    const examined = (chain: Chain) => {
      for (const s of chain.segments) if (s.writable) buffers.cut(s.address, s.length);
    };
    return {
      used(queue, chain, _id, written) {
        const at = chain === undefined || !isRng(queue.device) ? undefined : lengthAddress(queue, chain);
        if (at === undefined) return;
        lengths.set(at, chain!);
        for (const s of stretches(chain!, true, 0, lengthOf(chain!, true))) {
          buffers.add(s.address, s.length, { queue, chain: chain!, written });
        }
      },
      read({ address, length, part }) {
        if (part !== undefined) {
          for (const [at, chain] of lengths) {
            // Of a short buffer's length the lower half says all.
            if (at < address || at + 2 > address + length) continue;
            lengths.delete(at);
            examined(chain);
          }
          return;
        }
        for (const { about } of buffers.overlapping(address, length)) {
          examined(about.chain);
          report({
            device: about.queue.device,
            queue: about.queue,
            found:
              `random bytes are taken from a buffer whose used length was not read (the device wrote ${about.written})`,
            expected: "a look at len first",
            evidence: [{
              what: "start of what was read",
              address,
              value: machine.hex(address, Math.min(32, length)),
            }],
          });
        }
      },
      published(_queue, chain) {
        for (const s of chain.segments) buffers.cut(s.address, s.length);
      },
      write: ({ address, length, part }) => part ?? buffers.cut(address, length),
      freed: ({ phys, length }) => buffers.cut(phys, length),
      queueStopped: (queue) => forget((r) => r.queue === queue),
      reset: (device) => forget((r) => r.queue.device === device),
    };
  },
};

/** Where the device wrote the length of the chain that came back last; undefined with IN_ORDER, where one speaks for many. */
function lengthAddress({ device, ring }: QueueModel, chain: Chain): number | undefined {
  if (ring === undefined || device.has(F.IN_ORDER)) return undefined;
  const { used } = ring.indices;
  if (ring.kind === "split") return ring.addressOf("usedEntry", (used - 1) & 0xffff) + USED_LEN;
  const at = (used - chain.descriptors.length + ring.size) % ring.size;
  return ring.addressOf("descriptor", at) + PackedDesc.LEN;
}
