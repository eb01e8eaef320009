import { entryAddress, entryFlags, flagNames, PageFlag } from "../../../arch/page_table_entry.ts";
import type { Read } from "../moment.ts";
import type { MachineState } from "../protocol.ts";
import { hex, u32 } from "./numbers.ts";
import { pciFunctions } from "./pci.ts";

/** One table of a page walk, from the top (4) down. */
export interface WalkStep {
  readonly level: number;
  /** `PML4`. */
  readonly name: string;
  /** Where the table is, which entry the address means, and what stands there. */
  readonly table: number;
  readonly index: number;
  readonly low: number;
  readonly high: number;
  readonly flags: readonly string[];
  /** Where the entry leads: the next table, or the page. -1: nowhere. */
  readonly leads: number;
}
export interface Walk {
  readonly steps: readonly WalkStep[];
  /** Guest-physical address that the address means; undefined: none. */
  readonly physical: number | undefined;
  readonly pageSize: number;
  /** The way in words: what the address means, or where it ends. */
  readonly words: string;
}

const NAMES = ["", "PT", "PD", "PDPT", "PML4"];
const SHIFT = [0, 12, 21, 30, 39];

/** Whether bits 48 to 63 of an address are as bit 47 (Intel SDM 1, 3.3.7.1). */
export function canonical(address: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, address)) === address;
}

/** Follows a virtual address through the page tables (Intel SDM 3A, 4.5); undefined while memory is on its way. */
export function pageWalk(root: number, address: bigint, read: Read): Walk | undefined {
  const none = { physical: undefined, pageSize: 0 };
  if (root < 0) return { ...none, steps: [], words: "CR3 has not been loaded yet." };
  if (!canonical(address)) {
    return { ...none, steps: [], words: "Not an address: bits 48 to 63 are not as bit 47." };
  }
  const steps: WalkStep[] = [];
  let table = root;
  for (let level = 4; level >= 1; level--) {
    const index = Number(address >> BigInt(SHIFT[level]) & 511n);
    const bytes = read(table + 8 * index, 8);
    if (bytes === undefined) return undefined;
    const low = u32(bytes, 0), high = u32(bytes, 4), flags = entryFlags(low, high);
    const present = (flags & PageFlag.Present) !== 0;
    const last = level === 1 || (level < 4 && (flags & PageFlag.Huge) !== 0);
    const size = 2 ** SHIFT[level];
    const leads = present ? entryAddress(low, high, last ? size : 4096) : -1;
    // Bit 7 of a last entry for 4 KiB is PAT, not a size.
    const names = flagNames(level === 1 ? flags & ~PageFlag.Huge : flags);
    steps.push({ level, name: NAMES[level], table, index, low, high, flags: names, leads });
    if (!present) {
      return { ...none, steps, words: `Not mapped: entry ${index} of the ${NAMES[level]} is not present.` };
    }
    if (last) {
      const physical = leads + Number(address & BigInt(size - 1));
      return { steps, physical, pageSize: size, words: `Physical address ${hex(physical)}.` };
    }
    table = leads;
  }
  return undefined;
}

export interface Region {
  readonly from: number;
  readonly size: number;
  readonly what: string;
  readonly kind: "ram" | "ring" | "device" | "table";
}

/** What lies where in physical memory, as far as the trace tells: RAM, rings and page tables in it, and devices' registers. */
export function regions(state: MachineState): Region[] {
  const found: Region[] = [];
  const below = 0x8000_0000;
  if (state.memory > 0) {
    found.push({ from: 0, size: Math.min(state.memory, below), what: "RAM", kind: "ram" });
    if (state.memory > below) {
      found.push({ from: 2 ** 32, size: state.memory - below, what: "RAM above 4 GiB", kind: "ram" });
    }
  }
  if (state.pageTableRoot >= 0) {
    found.push({ from: state.pageTableRoot, size: 4096, what: "top page table (CR3)", kind: "table" });
  }
  for (const v of state.virtio) {
    const packed = (v.accepted[1] & 4) !== 0 && v.agreed;
    for (const q of v.queues) {
      if (!q.enabled || q.desc === 0) continue;
      const name = `${v.device} queue ${q.index}`;
      found.push({
        from: q.desc,
        size: 16 * q.size,
        what: `${name}: ${packed ? "descriptor ring" : "descriptor table"}`,
        kind: "ring",
      });
      found.push({
        from: q.driver,
        size: packed ? 4 : 6 + 2 * q.size,
        what: `${name}: ${packed ? "driver's events" : "available ring"}`,
        kind: "ring",
      });
      found.push({
        from: q.device,
        size: packed ? 4 : 6 + 8 * q.size,
        what: `${name}: ${packed ? "device's events" : "used ring"}`,
        kind: "ring",
      });
    }
  }
  for (const f of pciFunctions(state)) {
    for (const b of f.bars) {
      if (b.kind !== "port" && b.addr !== 0) {
        found.push({ from: b.addr, size: b.size, what: `${f.dev} BAR ${b.index}`, kind: "device" });
      }
    }
  }
  const others = new Map<string, { from: number; to: number }>();
  for (const r of state.registers) {
    if (r.space !== "memory" || found.some((x) => r.addr >= x.from && r.addr < x.from + x.size)) continue;
    const seen = others.get(r.dev);
    others.set(r.dev, {
      from: Math.min(r.addr, seen?.from ?? r.addr),
      to: Math.max(r.addr + r.width, seen?.to ?? 0),
    });
  }
  for (const [dev, { from, to }] of others) {
    found.push({ from, size: to - from, what: `${dev}: registers touched`, kind: "device" });
  }
  return found.sort((a, b) => a.from - b.from || b.size - a.size);
}

/** A line of a memory dump. */
export interface DumpLine {
  readonly at: number;
  readonly hex: readonly string[];
  readonly text: string;
}
/** `lines` lines of `width` bytes from those on that `from` lies in; undefined while they are on their way. */
export function dump(from: number, lines: number, read: Read, width = 16): DumpLine[] | undefined {
  const start = from - from % width;
  const bytes = read(start, width * lines);
  if (bytes === undefined) return undefined;
  return Array.from({ length: lines }, (_, i) => {
    const line = [...bytes.subarray(width * i, width * (i + 1))];
    return {
      at: start + width * i,
      hex: line.map((b) => b.toString(16).padStart(2, "0")),
      text: line.map((b) => b >= 32 && b < 127 ? String.fromCharCode(b) : "·").join(""),
    };
  });
}
