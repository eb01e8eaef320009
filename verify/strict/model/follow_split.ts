import { DESC_SIZE, DescF, SplitDesc } from "../../../spec/virtio/split.ts";
import type { Chain, ChainFault, ChainFaultKind, Segment } from "./chain.ts";
import type { RingWorld } from "./ring_state.ts";

const KNOWN_FLAGS = DescF.NEXT | DescF.WRITE | DescF.INDIRECT;

/** What following a chain gives. */
export interface Followed {
  readonly descriptors: number[];
  readonly segments: Segment[];
  readonly table: Chain["table"];
  readonly faults: ChainFault[];
}

/**
 * Follows a chain of the split format through a table, as a device does (virtio 1.4, 2.7.5), and notes what is wrong
 * instead of stopping at it, as far as one can go on.
 *
 * @param base guest-physical address of the descriptor table; `size` of its entries.
 */
export function followSplit(
  world: RingWorld,
  base: number,
  size: number,
  head: number,
  indirect: boolean,
): Followed {
  const descriptors: number[] = [];
  const segments: Segment[] = [];
  const faults: ChainFault[] = [];
  let table: Chain["table"];
  const fault = (kind: ChainFaultKind, descriptor: number, text: string) =>
    void faults.push({ kind, descriptor, text });

  const follow = (from: number, entries: number, first: number, nested: boolean) => {
    const seen = new Set<number>();
    for (let index = first;;) {
      const at = from + DESC_SIZE * index;
      if (index >= entries) {
        const what = index === first && !nested ? "the head" : "next";
        return fault("index", at, `${what} is ${index} in a table of ${entries}`);
      }
      if (seen.has(index)) return fault("loop", at, `the chain comes back to descriptor ${index}`);
      seen.add(index);
      if (!nested) descriptors.push(index);
      const flags = world.u16(at + SplitDesc.FLAGS);
      const address = world.u64(at + SplitDesc.ADDR), length = world.u32(at + SplitDesc.LEN);
      if ((flags & ~KNOWN_FLAGS) !== 0) fault("flags", at, `flags are 0x${flags.toString(16)}`);
      if ((flags & DescF.INDIRECT) !== 0) {
        if (nested) return fault("indirect-nested", at, "a table of descriptors names another table");
        if (!indirect) fault("indirect-feature", at, "INDIRECT without VIRTIO_F_INDIRECT_DESC");
        if ((flags & DescF.NEXT) !== 0) fault("indirect-next", at, "INDIRECT and NEXT in one descriptor");
        if ((flags & DescF.WRITE) !== 0) fault("indirect-write", at, "INDIRECT and WRITE in one descriptor");
        table = { address, length };
        if (length === 0 || length % DESC_SIZE !== 0) {
          fault("indirect-length", at, `a table of ${length} bytes: no multiple of ${DESC_SIZE}`);
        }
        if (!world.isRam(address, Math.max(length, 1))) {
          return fault("memory", at, `the table at 0x${address.toString(16)} is not in RAM`);
        }
        follow(address, Math.floor(length / DESC_SIZE), 0, true);
        if ((flags & DescF.NEXT) === 0) return;
      } else {
        segments.push({ address, length, writable: (flags & DescF.WRITE) !== 0, descriptor: at, flags });
        if ((flags & DescF.NEXT) === 0) return;
      }
      index = world.u16(at + SplitDesc.NEXT);
    }
  };
  follow(base, size, head, false);
  return { descriptors, segments, table, faults };
}
