import { Avail, DESC_SIZE, DescF, PackedDesc, PackedDescF, SplitDesc } from "../../../spec/mod.ts";
import { Ram, type Step } from "./program.ts";
import { DriverRing } from "./ring.ts";
import { PORT_NAME } from "./targets.ts";

/** A ring of a program, and the memory as the program's own writes leave it. */
export interface Replayed {
  readonly ring: Extract<Step, { op: "ring" }>;
  readonly memory: DataView;
}

/** The rings that the steps of a program leave. */
export function replayed(steps: readonly Step[]): Replayed[] {
  const memory = new DataView(new ArrayBuffer(Ram.end));
  const inside = (at: number, length: number) => at >= 0 && at + length <= Ram.end;
  const ram = {
    bytes: (at: number, bytes: Uint8Array) => {
      if (inside(at, bytes.length)) new Uint8Array(memory.buffer).set(bytes, at);
    },
    u16: (at: number, value: number) => {
      if (inside(at, 2)) memory.setUint16(at, value, true);
    },
    u32: (at: number, value: number) => {
      if (inside(at, 4)) memory.setUint32(at, value, true);
    },
    fill: (at: number, length: number) => {
      if (inside(at, length)) new Uint8Array(memory.buffer).fill(0, at, at + length);
    },
  };
  const rings = new Map<number, DriverRing>();
  for (const step of steps) {
    if (step.op === "ring") rings.set(step.q, new DriverRing(step, ram));
    else if (step.op === "chain") rings.get(step.q)?.chain(step);
    else if (step.op === "publish") rings.get(step.q)?.publish(step.jump ?? 0);
    else if (step.op === "poke") ram.bytes(step.at, Uint8Array.fromHex(step.hex));
  }
  return [...rings.values()].map(({ setup }) => ({ ring: setup, memory }));
}

/** A descriptor as it stands in memory. */
interface Seen {
  readonly at: number;
  /** The upper half of the address. */
  readonly high: number;
  readonly length: number;
  readonly flags: number;
  /** Split: where the chain goes on. Packed: the buffer id. */
  readonly word: number;
}

function descriptor({ ring, memory }: Replayed, at: number): Seen {
  const [flags, word] = ring.packed ? [PackedDesc.FLAGS, PackedDesc.ID] : [SplitDesc.FLAGS, SplitDesc.NEXT];
  return {
    at: memory.getUint32(at, true),
    high: memory.getUint32(at + 4, true),
    length: memory.getUint32(at + SplitDesc.LEN, true),
    flags: memory.getUint16(at + flags, true),
    word: memory.getUint16(at + word, true),
  };
}

/** The chains of a ring of `size` that stand there, also old ones: from each entry, or from each slot. */
function chains(r: Replayed, size = r.ring.size): Seen[][] {
  const { ring, memory } = r;
  const { packed, desc, driver } = ring;
  const ends = [desc + size * DESC_SIZE, packed ? 0 : driver + Avail.RING + 2 * size];
  if (ends.some((end) => end > Ram.end)) return [];
  return Array.from({ length: size }, (_, entry) => {
    const list: Seen[] = [];
    let slot = packed ? entry : memory.getUint16(driver + Avail.RING + 2 * entry, true);
    while (slot < size && list.length < size) {
      const d = descriptor(r, desc + slot * DESC_SIZE);
      list.push(d);
      if ((d.flags & DescF.NEXT) === 0 || (list.length === 1 && (d.flags & DescF.INDIRECT) !== 0)) break;
      slot = packed ? (slot + 1) % size : d.word;
    }
    return list;
  });
}

/** Whether a chain of a split ring goes on to a descriptor that names a table. */
export function hasTableBehind(r: Replayed): boolean {
  return !r.ring.packed &&
    chains(r).some((list) => list.some((d, i) => i > 0 && (d.flags & DescF.INDIRECT) !== 0));
}

/** Whether a descriptor of a packed ring goes on to one that has another id; `sizes`: what else the device may go by. */
export function hasMixedIds(r: Replayed, sizes: readonly number[]): boolean {
  return r.ring.packed &&
    [r.ring.size, ...sizes].some((size) =>
      chains(r, size).some((list) => list.some((d) => d.word !== list[0].word))
    );
}

/** Whether a descriptor names a table that is not in RAM. */
export function hasTableOutside(r: Replayed): boolean {
  return chains(r).some((list) =>
    list.some(({ at, length, flags, high }) =>
      (flags & DescF.INDIRECT) !== 0 && (high !== 0 || at + length > Ram.size)
    )
  );
}

/** Whether a list of several descriptors of a card's packed receive ring has room for fewer bytes. */
export function hasShortList(r: Replayed, bytes: number): boolean {
  return r.ring.packed && r.ring.q === 0 &&
    chains(r).some((list) => list.length > 1 && writable(r, list) < bytes);
}

/** The longest control message: 8 bytes, and the name of a port with a 0 behind it. */
const LONGEST_CONTROL = 8 + PORT_NAME.length + 1;
const OWNED = PackedDescF.AVAIL | PackedDescF.USED;

/** Whether a chain of a ring is too short for a control message. */
export function offersShortControlBuffer(r: Replayed): boolean {
  return chains(r).some((list) =>
    list.length > 0 && !(r.ring.packed && (list[0].flags & OWNED) === 0) &&
    writable(r, list) < LONGEST_CONTROL
  );
}
function writable(r: Replayed, list: readonly Seen[]): number {
  return list.reduce((sum, { at, length, flags }, i) => {
    if (i === 0 && (flags & DescF.INDIRECT) !== 0) {
      const entries = at + length <= Ram.end ? Math.floor(length / DESC_SIZE) : 0;
      const table = Array.from({ length: entries }, (_, k) => descriptor(r, at + k * DESC_SIZE));
      return sum + table.reduce((n, d) => (d.flags & DescF.WRITE) !== 0 ? n + d.length : n, 0);
    }
    return (flags & DescF.WRITE) !== 0 ? sum + length : sum;
  }, 0);
}
