import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import { PackedDesc } from "../../../spec/virtio/packed.ts";
import type { Read } from "../moment.ts";
import type { EventFilter, EventRow } from "../protocol.ts";
import { u16 } from "./numbers.ts";
import type { Ring } from "./rings.ts";

/** Writes that are looked at before giving up. */
const MOST = 4;

/**
 * How many descriptors the chain had whose first descriptor the device has overwritten: what {@link packedRing} asks for.
 * The driver's last write to that descriptor's flags tells whether the chain went on; its rest is still in memory.
 *
 * @param previous the newest event up to number `from` that the filter means.
 */
export async function usedChain(
  ring: Ring,
  read: Read,
  slot: number,
  at: number,
  previous: (filter: EventFilter, from: number) => Promise<EventRow | undefined>,
): Promise<number | undefined> {
  const { desc, size } = ring.queue;
  const flagsAt = desc + slot * DESC_SIZE + PackedDesc.FLAGS;
  let from = at;
  for (let i = 0; i < MOST && from >= 0; i++) {
    const row = await previous({ kinds: ["mem_write"], from: flagsAt, to: flagsAt + 1 }, from);
    if (row === undefined || row.event.ev !== "mem_write") return undefined;
    from = row.at - 1;
    if (row.event.by !== "driver") continue;
    const offset = 2 * (flagsAt - row.event.addr);
    const low = parseInt(row.event.hex.slice(offset, offset + 2), 16);
    if ((low & DescF.NEXT) === 0) return 1;
    let length = 2;
    for (let k = 1; k < size; k++, length++) {
      const flags = read(desc + ((slot + k) % size) * DESC_SIZE + PackedDesc.FLAGS, 2);
      if (flags === undefined) return undefined;
      if ((u16(flags, 0) & DescF.NEXT) === 0) break;
    }
    return length;
  }
  return undefined;
}
