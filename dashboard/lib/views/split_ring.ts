import {
  Avail,
  AVAIL_F_NO_INTERRUPT,
  availSize,
  DESC_SIZE,
  DescF,
  SplitDesc,
  Used,
  USED_F_NO_NOTIFY,
  usedSize,
} from "../../../spec/virtio/split.ts";
import type { Read } from "../moment.ts";
import { u16, u32, u64 } from "./numbers.ts";
import { type Buffer, readTable, type Ring, type TableEntry } from "./rings.ts";

/** Who may touch a descriptor just now. */
export type Owner = "driver" | "device";

export interface SplitDescriptor extends Buffer {
  readonly index: number;
  readonly flags: number;
  /** Descriptor that follows in its chain; -1: none. */
  readonly next: number;
  readonly indirect: boolean;
  readonly owner: Owner;
  /** First descriptor of the chain that it is part of; -1 if the device owns no such chain. */
  readonly head: number;
}

/** A chain that the driver has made available and the device has not used yet. */
export interface Chain {
  readonly head: number;
  /** Descriptors in the ring, in order. */
  readonly slots: readonly number[];
  /** Bytes that the device reads, and may write. */
  readonly readable: number;
  readonly writable: number;
  /** Entries of the indirect tables. */
  readonly table: readonly TableEntry[];
  /** What is wrong with it; empty: nothing. */
  readonly wrong: string;
}

/** An entry of the available or the used ring. `turn` counts back from the newest (1); 0: never written. */
export interface RingEntry {
  readonly slot: number;
  readonly head: number;
  /** Bytes that the device wrote; used ring only. */
  readonly len: number;
  readonly turn: number;
  /** Made available and not used: the device has it. */
  readonly open: boolean;
}

/** A split ring at one moment, as memory tells it (virtio 1.4, 2.7). */
export interface SplitRing {
  readonly size: number;
  readonly descriptors: readonly SplitDescriptor[];
  readonly chains: readonly Chain[];
  /** As they stand in memory: count modulo 65536. */
  readonly availIdx: number;
  readonly usedIdx: number;
  /** Where the next entry of each goes. */
  readonly availSlot: number;
  readonly usedSlot: number;
  readonly avail: readonly RingEntry[];
  readonly used: readonly RingEntry[];
  /** Chains that the device has, by the indices alone. */
  readonly outstanding: number;
  /** Event suppression in words: what the driver asks of the device, and the device of the driver. */
  readonly interrupts: string;
  readonly notifications: string;
  /** What does not fit together; empty: all does. */
  readonly wrong: string;
}

/** Reads a split ring; undefined while memory is on its way. */
export function splitRing(ring: Ring, read: Read): SplitRing | undefined {
  const { size, desc, driver, device } = ring.queue;
  const table = read(desc, size * DESC_SIZE),
    avail = read(driver, availSize(size)),
    used = read(device, usedSize(size));
  if (table === undefined || avail === undefined || used === undefined) return undefined;
  const availIdx = u16(avail, Avail.IDX), usedIdx = u16(used, Used.IDX);
  const outstanding = availIdx - usedIdx & 0xffff;
  const availHeads = Array.from({ length: size }, (_, i) => u16(avail, Avail.RING + 2 * i));
  const usedAt = (i: number) => Used.RING + Used.ELEM_SIZE * i;
  const usedHeads = Array.from({ length: size }, (_, i) => u32(used, usedAt(i)));
  const usedLens = usedHeads.map((_, i) => u32(used, usedAt(i) + 4));
  const availKept = kept(availIdx, size, (i) => availHeads[i] !== 0);
  const usedKept = kept(usedIdx, size, (i) => usedHeads[i] !== 0 || usedLens[i] !== 0);

  const heads = ring.inOrder ? newest(availHeads, availIdx, Math.min(outstanding, size)) : openHeads(
    newest(availHeads, availIdx, availKept),
    newest(usedHeads, usedIdx, Math.min(usedKept, Math.max(0, availKept - outstanding))),
  );
  const headOf = new Int32Array(size).fill(-1);
  const chains: Chain[] = [];
  for (const head of heads) {
    const chain = follow(table, size, head, read);
    if (chain === undefined) return undefined;
    chains.push(chain);
    for (const slot of chain.slots) headOf[slot] = head;
  }
  const descriptors = Array.from({ length: size }, (_, index): SplitDescriptor => {
    const at = index * DESC_SIZE, flags = u16(table, at + SplitDesc.FLAGS);
    return {
      index,
      addr: u64(table, at),
      len: u32(table, at + SplitDesc.LEN),
      flags,
      write: (flags & DescF.WRITE) !== 0,
      indirect: (flags & DescF.INDIRECT) !== 0,
      next: (flags & DescF.NEXT) !== 0 ? u16(table, at + SplitDesc.NEXT) : -1,
      owner: headOf[index] >= 0 ? "device" : "driver",
      head: headOf[index],
    };
  });
  const open = new Set(heads);
  const turnOf = (slot: number, idx: number, kept: number) => {
    const back = mod(idx - 1 - slot, size) + 1;
    return back <= kept ? back : 0;
  };
  const last = new Set<number>();
  const openTurns = new Set<number>();
  for (let back = 1; back <= availKept; back++) {
    const head = availHeads[mod(availIdx - back, size)];
    if (open.has(head) && !last.has(head)) openTurns.add(back);
    last.add(head);
  }
  const usedEvent = u16(avail, Avail.RING + 2 * size), availEvent = u16(used, usedAt(size));
  return {
    size,
    descriptors,
    chains,
    availIdx,
    usedIdx,
    availSlot: availIdx % size,
    usedSlot: usedIdx % size,
    avail: availHeads.map((head, slot) => {
      const turn = turnOf(slot, availIdx, availKept);
      return { slot, head, len: 0, turn, open: openTurns.has(turn) };
    }),
    used: usedHeads.map((head, slot) => ({
      slot,
      head,
      len: usedLens[slot],
      turn: turnOf(slot, usedIdx, usedKept),
      open: false,
    })),
    outstanding,
    interrupts: ring.eventIdx
      ? eventWords("interrupt", "used.idx", usedEvent, usedIdx)
      : (u16(avail, Avail.FLAGS) & AVAIL_F_NO_INTERRUPT) !== 0
      ? "The driver wants no interrupts (avail.flags: NO_INTERRUPT)."
      : "The driver wants an interrupt for used buffers (avail.flags: 0).",
    notifications: ring.eventIdx
      ? eventWords("notification", "avail.idx", availEvent, availIdx)
      : (u16(used, Used.FLAGS) & USED_F_NO_NOTIFY) !== 0
      ? "The device wants no notifications (used.flags: NO_NOTIFY)."
      : "The device wants a notification for available buffers (used.flags: 0).",
    wrong: outstanding > size
      ? `avail.idx is ${outstanding} ahead of used.idx: more than the ${size} entries of the ring`
      : chains.length !== outstanding
      ? `of ${outstanding} chains with the device ${chains.length} are found: it uses them in another order, or one is being written`
      : "",
  };
}

const mod = (n: number, m: number) => ((n % m) + m) % m;

/** How many of the newest entries were ever written: all, or as many as the index says while it has not gone round. */
function kept(idx: number, size: number, written: (slot: number) => boolean): number {
  if (idx >= size) return size;
  for (let i = idx; i < size; i++) if (written(i)) return size;
  return idx;
}
/** The newest `n` entries, oldest first. */
function newest(entries: readonly number[], idx: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => entries[mod(idx - n + i, entries.length)]);
}
/** Heads that were made available more often than used, in the order of their last time. */
function openHeads(avail: readonly number[], used: readonly number[]): number[] {
  const open = new Map<number, number>();
  for (const head of avail) open.set(head, (open.get(head) ?? 0) + 1);
  for (const head of used) open.set(head, (open.get(head) ?? 0) - 1);
  const found: number[] = [];
  for (let i = avail.length - 1; i >= 0; i--) {
    const head = avail[i];
    if ((open.get(head) ?? 0) > 0) found.unshift(head);
    open.delete(head);
  }
  return found;
}

/** Follows a chain from its head; undefined while an indirect table is on its way. */
function follow(table: Uint8Array, size: number, head: number, read: Read): Chain | undefined {
  const slots: number[] = [], entries: TableEntry[] = [];
  let readable = 0, writable = 0, wrong = "";
  const add = (b: Buffer) => b.write ? writable += b.len : readable += b.len;
  for (let slot = head;;) {
    if (slot >= size) wrong = `descriptor ${slot} is outside the table`;
    else if (slots.includes(slot)) wrong = `the chain comes back to descriptor ${slot}`;
    if (wrong !== "") break;
    slots.push(slot);
    const at = slot * DESC_SIZE,
      flags = u16(table, at + SplitDesc.FLAGS),
      len = u32(table, at + SplitDesc.LEN);
    if ((flags & DescF.INDIRECT) !== 0) {
      const found = readTable(read, u64(table, at), len, "split");
      if (found === undefined) return undefined;
      for (let i = 0, n = 0; i >= 0 && i < found.length && n < found.length; i = found[i].next, n++) {
        entries.push(found[i]);
        add(found[i]);
      }
    } else add({ addr: 0, len, write: (flags & DescF.WRITE) !== 0 });
    if ((flags & DescF.NEXT) === 0) break;
    slot = u16(table, at + SplitDesc.NEXT);
  }
  return { head, slots, readable, writable, table: entries, wrong };
}

function eventWords(what: "interrupt" | "notification", index: string, event: number, now: number): string {
  const who = what === "interrupt" ? "driver" : "device";
  const field = what === "interrupt" ? "used_event" : "avail_event";
  const left = event + 1 - now & 0xffff;
  const when = left === 0 || left > 0x8000
    ? `that has been passed: no ${what} until the ${who} moves it`
    : left === 1
    ? "the next one makes it"
    : `${left} to go`;
  return `The ${who} wants the next ${what} when ${index} becomes ${
    event + 1 & 0xffff
  } (${field} ${event}): ${when}.`;
}
