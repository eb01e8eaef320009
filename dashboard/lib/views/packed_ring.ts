import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import { EventSuppr, PackedDesc, PackedDescF, RingEventFlags } from "../../../spec/virtio/packed.ts";
import type { Read } from "../moment.ts";
import { u16, u32, u64 } from "./numbers.ts";
import { type Buffer, readTable, type Ring, type TableEntry } from "./rings.ts";
import type { Owner } from "./split_ring.ts";

export interface PackedDescriptor extends Buffer {
  readonly index: number;
  readonly id: number;
  readonly flags: number;
  /** Bits of the flags: what they mean depends on the wrap counters. */
  readonly availBit: 0 | 1;
  readonly usedBit: 0 | 1;
  readonly next: boolean;
  readonly indirect: boolean;
  readonly owner: Owner;
  /** Of those that the driver has: what it holds. `rest`: the rest of a chain whose first descriptor says "used". */
  readonly holds: "available" | "used" | "rest" | "empty";
  readonly table: readonly TableEntry[];
}

/** A place on the ring, and the wrap counter of whoever is there. */
export interface Place {
  readonly slot: number;
  readonly wrap: 0 | 1;
}

/** A packed ring at one moment, as memory tells it (virtio 1.4, 2.8). */
export interface PackedRing {
  readonly size: number;
  readonly descriptors: readonly PackedDescriptor[];
  /** Where the driver makes the next descriptor available, and where the device uses the next. */
  readonly driver: Place;
  readonly device: Place;
  /** Descriptors that the device has. */
  readonly outstanding: number;
  readonly interrupts: string;
  readonly notifications: string;
  /**
   * Whether the chain that was used last had more than one descriptor cannot be told from memory: this is its first
   * descriptor, and the answer decides who owns what lies behind it. -1: it does not matter.
   */
  readonly question: number;
}

/**
 * Reads a packed ring; undefined while memory is on its way.
 *
 * All descriptors before the driver's place carry its wrap counter in AVAIL, all others its opposite: so the place is where
 * AVAIL changes. The device's is behind the chain that it used last.
 *
 * @param usedLength descriptors of the chain whose first one stands at a slot, where memory does not tell (see `question`).
 */
export function packedRing(
  ring: Ring,
  read: Read,
  usedLength: (slot: number) => number | undefined = () => undefined,
):
  | PackedRing
  | undefined {
  const { size, desc, driver, device } = ring.queue;
  const bytes = read(desc, size * DESC_SIZE);
  const wanted = read(driver, EventSuppr.SIZE), told = read(device, EventSuppr.SIZE);
  if (bytes === undefined || wanted === undefined || told === undefined) return undefined;
  const flags = Array.from({ length: size }, (_, i) => u16(bytes, i * DESC_SIZE + PackedDesc.FLAGS));
  const availBit = (i: number): 0 | 1 => (flags[i] & PackedDescF.AVAIL) !== 0 ? 1 : 0;
  const usedBit = (i: number): 0 | 1 => (flags[i] & PackedDescF.USED) !== 0 ? 1 : 0;
  const pending = (i: number) => availBit(i) !== usedBit(i);

  const place = driverPlace(size, availBit);
  const before = (slot: number, n: number) => (slot - n % size + size) % size;
  // Backwards from the driver's place: what is still marked as available, up to what the device used last.
  let open = 0;
  while (open < size && pending(before(place.slot, open + 1))) open++;
  let question = -1;
  if (open > 0 && open < size) {
    const last = before(place.slot, open + 1);
    const touched = flags[last] !== 0 || u16(bytes, last * DESC_SIZE + PackedDesc.ID) !== 0 ||
      u32(bytes, last * DESC_SIZE) !== 0;
    const id = (i: number) => u16(bytes, i * DESC_SIZE + PackedDesc.ID);
    if (touched && id(last) === id((last + 1) % size)) {
      question = last;
      open = Math.max(0, open - ((usedLength(last) ?? 1) - 1));
    }
  }
  const first = before(place.slot, open);
  const crossed = first + open >= size && open > 0;
  const devicePlace: Place = { slot: first, wrap: (crossed ? 1 - place.wrap : place.wrap) as 0 | 1 };

  const descriptors: PackedDescriptor[] = [];
  for (let index = 0; index < size; index++) {
    const at = index * DESC_SIZE, f = flags[index];
    const owner: Owner = (index - first + size) % size < open ? "device" : "driver";
    const indirect = (f & DescF.INDIRECT) !== 0 && pending(index);
    const addr = u64(bytes, at), len = u32(bytes, at + PackedDesc.LEN);
    const table = indirect && owner === "device" ? readTable(read, addr, len, "packed") : [];
    if (table === undefined) return undefined;
    descriptors.push({
      index,
      addr,
      len,
      id: u16(bytes, at + PackedDesc.ID),
      flags: f,
      availBit: availBit(index),
      usedBit: usedBit(index),
      write: (f & DescF.WRITE) !== 0,
      next: (f & DescF.NEXT) !== 0,
      indirect,
      owner,
      holds: owner === "device"
        ? "available"
        : pending(index)
        ? "rest"
        : f === 0 && addr === 0 && len === 0
        ? "empty"
        : "used",
      table,
    });
  }
  return {
    size,
    descriptors,
    driver: place,
    device: devicePlace,
    outstanding: open,
    interrupts: eventWords("driver", "interrupt", wanted),
    notifications: eventWords("device", "notification", told),
    question,
  };
}

/** The slot at which AVAIL changes, and the wrap counter there. */
function driverPlace(size: number, availBit: (i: number) => 0 | 1): Place {
  const first = availBit(0);
  let change = 1;
  while (change < size && availBit(change) === first) change++;
  if (change === size) return { slot: 0, wrap: (1 - first) as 0 | 1 };
  // The rest of a chain is written before its first descriptor: that one stands out at slot 0.
  if (change === 1) {
    let back = 2;
    while (back < size && availBit(back) !== first) back++;
    if (back < size) return { slot: 0, wrap: (1 - first) as 0 | 1 };
  }
  return { slot: change, wrap: first };
}

function eventWords(who: "driver" | "device", what: string, bytes: Uint8Array): string {
  const flags = u16(bytes, EventSuppr.FLAGS) & 3, desc = u16(bytes, EventSuppr.DESC);
  switch (flags) {
    case RingEventFlags.ENABLE:
      return `The ${who} wants a ${what} for every buffer (ENABLE).`.replace("a interrupt", "an interrupt");
    case RingEventFlags.DISABLE:
      return `The ${who} wants no ${what}s (DISABLE).`;
    case RingEventFlags.DESC:
      return `The ${who} wants the next ${what} at descriptor ${desc & 0x7fff} with wrap counter ${
        desc >> 15
      } (DESC).`;
  }
  return `The ${who} asks for ${what}s in a way that means nothing (reserved value 3).`;
}
