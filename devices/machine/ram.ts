import type { MemoryMapEntry, RamRegion } from "../../arch/platform.ts";

/** The legacy hole: video memory, option ROMs and firmware lie there, so its RAM is not usable. */
export const HOLE_START = 0xa_0000;
/** First byte after the hole. */
export const HOLE_END = 0x10_0000;

const GIB = 2 ** 30;
const MIB = 2 ** 20;
/** What lies above the low region continues here. */
export const HIGH_BASE = 4 * GIB;

/**
 * How much RAM lies below 4 GiB, in bytes, as QEMU 7.2 splits it: microvm 3 GiB; pc all up to 3.5 GiB, otherwise 3; q35 all
 * up to 2.75 GiB, otherwise 2.
 */
export function lowMemory(machine: string, size: number): number {
  if (machine === "microvm") return Math.min(size, 3 * GIB);
  if (machine === "pc") return size >= 3.5 * GIB ? 3 * GIB : size;
  return size >= 2816 * MIB ? 2 * GIB : size;
}

/** The RAM of a machine and the map that firmware would hand over. Pages are the host's when first touched. */
export function createRam(machine: string, size: number): { ram: RamRegion[]; memoryMap: MemoryMapEntry[] } {
  if (!Number.isInteger(size) || size < MIB) {
    throw new Error(`${machine}: ${size} bytes of RAM (-m): expected at least 1 MiB`);
  }
  const low = lowMemory(machine, size);
  const ram = [region(0, low)];
  if (size > low) ram.push(region(HIGH_BASE, size - low));
  return { ram, memoryMap: firmwareMap(machine, size) };
}

/** The memory map of a machine with `size` bytes of RAM, as firmware would hand it over. */
export function firmwareMap(machine: string, size: number): MemoryMapEntry[] {
  const low = lowMemory(machine, size);
  const map: MemoryMapEntry[] = [
    { base: 0, length: HOLE_START, kind: "usable" },
    { base: HOLE_START, length: HOLE_END - HOLE_START, kind: "reserved" },
  ];
  if (low > HOLE_END) map.push({ base: HOLE_END, length: low - HOLE_END, kind: "usable" });
  if (size > low) map.push({ base: HIGH_BASE, length: size - low, kind: "usable" });
  return map;
}

function region(base: number, length: number): RamRegion {
  try {
    return { base, bytes: new Uint8Array(length) };
  } catch (cause) {
    throw new Error(`${length / MIB} MiB of RAM (-m): the host does not give so much`, { cause });
  }
}
