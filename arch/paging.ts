import { alignDown, alignUp, hex, PHYS_LIMIT, type PhysAddr, type VirtAddr } from "./addresses.ts";
import type { DeviceMemory } from "./device_memory.ts";
import {
  entryAddress,
  entryFlags,
  entryHigh,
  entryLow,
  flagNames,
  MAPPABLE_FLAGS,
  PageFlag,
  PageSize,
} from "./page_table_entry.ts";

import { checkCanonical, checkPages, SPAN } from "./paging_check.ts";
import { type Mapping, PagingError, type TableFrames, type WalkStep } from "./paging_types.ts";

export { flagNames, PageFlag, PageSize } from "./page_table_entry.ts";
export * from "./paging_types.ts";

const TABLE_BYTES = 4096;
const ENTRIES = 512;
const LEVEL_NAMES = ["", "PT", "PD", "PDPT", "PML4"] as const;

/**
 * Four levels of page tables in guest RAM, in x86-64's format: what CR3 would point to. Lower canonical half.
 *
 * ```ts
 * import { RamDeviceMemory } from "./device_memory.ts";
 * import { PageFlag, PageSize, PageTables } from "./paging.ts";
 * import { physAddr, virtAddr } from "./addresses.ts";
 * let next = 0;
 * const frames = { allocate: (n: number) => physAddr((next += n) - n), free() {} };
 * const tables = new PageTables(new RamDeviceMemory(0, new Uint8Array(0x10000)), frames);
 * tables.map(virtAddr(0x40_0000), physAddr(0x1_2000), PageSize.Base, PageFlag.Writable);
 * console.assert(tables.virtualToPhysical(virtAddr(0x40_0123)) === 0x1_2123);
 * ```
 */
export class PageTables {
  /** Guest-physical address of the PML4. */
  declare readonly root: PhysAddr;
  declare private readonly memory: DeviceMemory;
  declare private readonly frames: TableFrames;
  /** Entries in use per table, so that an empty table is given back without looking at all 512. */
  private readonly used = new Map<number, number>();
  // Results of lookup(), kept here as it is called for each translation: a returned object would cost an allocation.
  private foundLevel = 0;
  private foundLow = 0;
  private foundHigh = 0;

  /** @throws whatever `frames` throws when there is no frame for the PML4. */
  constructor(memory: DeviceMemory, frames: TableFrames) {
    this.memory = memory;
    this.frames = frames;
    this.root = this.newTable();
  }

  /** How many frames the tables take, the PML4 included. */
  get tablePages(): number {
    return this.used.size;
  }

  /**
   * Maps `count` pages of `size` bytes from `virt` on to `phys` on. All or nothing.
   *
   * @param flags of {@link PageFlag}, without Present and Huge.
   * @throws {PagingError} misaligned, non-canonical or out of range; something is mapped there already.
   */
  map(virt: VirtAddr, phys: PhysAddr, size: PageSize, flags: number, count = 1): void {
    const level = checkPages(virt, size, count, "map");
    if (!Number.isInteger(phys) || phys < 0 || phys + size * count > PHYS_LIMIT) {
      throw new PagingError("OutOfRange", `map ${hex(virt)}: physical ${hex(phys)} is not below 2^52`);
    }
    if (phys % size !== 0) {
      throw new PagingError(
        "Misaligned",
        `map ${hex(virt)}: physical ${hex(phys)} is not a multiple of ${hex(size)}`,
      );
    }
    if ((flags & ~MAPPABLE_FLAGS) !== 0) {
      throw new PagingError(
        "BadArgument",
        `map ${hex(virt)}: flags ${hex(flags >>> 0)} are not for the caller`,
      );
    }
    for (let done = 0; done < count;) {
      const at = virt + done * size;
      const first = indexOf(at, level);
      const run = Math.min(ENTRIES - first, count - done);
      const table = this.findTable(at, level);
      for (let i = 0; table >= 0 && i < run; i++) {
        if (this.low(table, first + i) & PageFlag.Present) {
          this.refuse(at + i * size, table, first + i, level, level);
        }
      }
      done += run;
    }
    const leafFlags = level > 1 ? flags | PageFlag.Huge : flags;
    for (let done = 0; done < count;) {
      const at = virt + done * size;
      const first = indexOf(at, level);
      const run = Math.min(ENTRIES - first, count - done);
      let table: number;
      try {
        table = this.makeTable(at, level, flags & PageFlag.User);
      } catch (error) {
        this.prune(at, level);
        if (done > 0) this.unmap(virt, size, done);
        throw error;
      }
      for (let i = 0; i < run; i++) this.writeEntry(table, first + i, phys + (done + i) * size, leafFlags);
      this.used.set(table, this.used.get(table)! + run);
      done += run;
    }
  }

  /**
   * Removes `count` pages of `size` bytes. Tables left empty are given back. All or nothing.
   *
   * @throws {PagingError} if one of them is not mapped, or with pages of another size.
   */
  unmap(virt: VirtAddr, size: PageSize, count = 1): void {
    const level = checkPages(virt, size, count, "unmap");
    for (let i = 0; i < count; i++) {
      const at = virt + i * size;
      if (!this.lookup(at)) throw new PagingError("NotMapped", `unmap ${hex(at)}: nothing is mapped there`);
      if (this.foundLevel !== level) {
        throw new PagingError(
          "OtherSize",
          `unmap ${hex(at)}: mapped by a page of ${hex(SPAN[this.foundLevel])}, not of ${hex(size)}`,
        );
      }
    }
    for (let done = 0; done < count;) {
      const at = virt + done * size;
      const first = indexOf(at, level);
      const run = Math.min(ENTRIES - first, count - done);
      const table = this.findTable(at, level);
      this.memory.fill(table - this.memory.base + first * 8, run * 8, 0);
      this.used.set(table, this.used.get(table)! - run);
      this.prune(at, level);
      done += run;
    }
  }

  /**
   * Maps the pages that hold `length` bytes from `phys` on to themselves, with the largest pages that fit. What is
   * mapped so already stays as it is: devices share pages of registers. All or nothing.
   *
   * @param flags default as Hermit's for registers and RAM: writable, not executable.
   * @throws {PagingError} if a page there is mapped to something else.
   */
  identityMap(
    phys: PhysAddr,
    length: number,
    flags: number = (PageFlag.Writable | PageFlag.NoExecute) >>> 0,
  ): void {
    if (!Number.isInteger(length) || length <= 0) {
      throw new PagingError("BadArgument", `identity map ${hex(phys)}: ${length} is not a length`);
    }
    const start = alignDown(phys, PageSize.Base);
    const end = alignUp(phys + length, PageSize.Base);
    checkPages(start as VirtAddr, PageSize.Base, (end - start) / PageSize.Base, "identity map");
    for (let at = start; at < end;) {
      const mapped = this.lookup(at);
      const span = SPAN[this.foundLevel];
      if (mapped && this.foundPhys(at) !== at) {
        throw new PagingError(
          "AlreadyMapped",
          `identity map ${hex(at)}: already mapped to ${hex(this.foundPhys(at))}`,
        );
      }
      at = alignDown(at, span) + span;
    }
    for (let at = start; at < end;) {
      if (this.lookup(at)) {
        const span = SPAN[this.foundLevel];
        at = alignDown(at, span) + span;
        continue;
      }
      let level = Math.min(this.foundLevel, 3);
      while (level > 1 && (at % SPAN[level] !== 0 || at + SPAN[level] > end)) level--;
      this.map(at as VirtAddr, at as PhysAddr, SPAN[level] as PageSize, flags);
      at += SPAN[level];
    }
  }

  /**
   * Where `virt` lies in physical memory, by walking the tables; undefined if it is not mapped.
   *
   * @throws {PagingError} for a non-canonical address.
   */
  virtualToPhysical(virt: VirtAddr): PhysAddr | undefined {
    checkCanonical(virt, "translate");
    return this.lookup(virt) ? this.foundPhys(virt) as PhysAddr : undefined;
  }

  /**
   * The same walk level by level, to be shown. It ends with the page, or with the entry that is not present.
   *
   * @throws {PagingError} for a non-canonical address.
   */
  walk(virt: VirtAddr): WalkStep[] {
    checkCanonical(virt, "walk");
    const steps: WalkStep[] = [];
    let table: number = this.root;
    for (let level = 4; level >= 1; level--) {
      const index = indexOf(virt, level);
      const low = this.low(table, index), high = this.high(table, index);
      const present = (low & PageFlag.Present) !== 0;
      const leaf = present && isLeaf(level, low);
      const span = SPAN[level];
      let target: number | undefined;
      if (present) {
        target = leaf ? entryAddress(low, high, span) + virt % span : entryAddress(low, high, TABLE_BYTES);
      }
      steps.push({
        level,
        name: LEVEL_NAMES[level] as WalkStep["name"],
        table: table as PhysAddr,
        index,
        entry: (BigInt(high) << 32n) | BigInt(low),
        flags: present ? flagNames(entryFlags(low, high)) : [],
        pageSize: leaf ? span as PageSize : undefined,
        target: target as PhysAddr | undefined,
      });
      if (!present || leaf) break;
      table = target!;
    }
    return steps;
  }

  /** Every mapped page, by rising virtual address. */
  *mappings(): Generator<Mapping> {
    yield* this.mappingsOf(this.root, 4, 0);
  }

  private *mappingsOf(table: number, level: number, virt: number): Generator<Mapping> {
    for (let index = 0; index < ENTRIES; index++) {
      const low = this.low(table, index), high = this.high(table, index);
      if (!(low & PageFlag.Present)) continue;
      const at = virt + index * SPAN[level];
      if (isLeaf(level, low)) {
        const size = SPAN[level] as PageSize;
        const phys = entryAddress(low, high, size) as PhysAddr;
        yield { virt: at as VirtAddr, phys, size, flags: entryFlags(low, high) };
      } else {
        yield* this.mappingsOf(entryAddress(low, high, TABLE_BYTES), level - 1, at);
      }
    }
  }

  /** Walks to the page or to the entry that is not present; its level and halves are left in the fields. */
  private lookup(virt: number): boolean {
    let table: number = this.root;
    for (let level = 4;; level--) {
      const index = indexOf(virt, level);
      const low = this.low(table, index);
      this.foundLevel = level;
      if (!(low & PageFlag.Present)) return false;
      const high = this.high(table, index);
      if (isLeaf(level, low)) {
        this.foundLow = low;
        this.foundHigh = high;
        return true;
      }
      table = entryAddress(low, high, TABLE_BYTES);
    }
  }

  private foundPhys(virt: number): number {
    const span = SPAN[this.foundLevel];
    return entryAddress(this.foundLow, this.foundHigh, span) + (virt & (span - 1));
  }

  /** The table of `level` for `virt`, or -1 if there is none yet. */
  private findTable(virt: number, level: number): number {
    let table: number = this.root;
    for (let l = 4; l > level; l--) {
      const index = indexOf(virt, l);
      const low = this.low(table, index);
      if (!(low & PageFlag.Present)) return -1;
      if (isLeaf(l, low)) this.refuse(virt, table, index, l, level);
      table = entryAddress(low, this.high(table, index), TABLE_BYTES);
    }
    return table;
  }

  /** As {@link findTable}, but makes what is missing. A table above a user page must allow users, too. */
  private makeTable(virt: number, level: number, user: number): number {
    let table: number = this.root;
    for (let l = 4; l > level; l--) {
      const index = indexOf(virt, l);
      const low = this.low(table, index);
      if (low & PageFlag.Present) {
        if (user) this.memory.writeU32(this.at(table, index), (low | user) >>> 0);
        table = entryAddress(low, this.high(table, index), TABLE_BYTES);
        continue;
      }
      const next = this.newTable();
      this.writeEntry(table, index, next, PageFlag.Writable | user);
      this.used.set(table, this.used.get(table)! + 1);
      table = next;
    }
    return table;
  }

  private newTable(): PhysAddr {
    const frame = this.frames.allocate(TABLE_BYTES);
    const offset = frame - this.memory.base;
    if (offset < 0 || offset + TABLE_BYTES > this.memory.size || frame % TABLE_BYTES !== 0) {
      this.frames.free(frame, TABLE_BYTES);
      throw new PagingError(
        "OutOfRange",
        `a page table cannot be at ${hex(frame)}: not a frame of this memory`,
      );
    }
    this.memory.fill(offset, TABLE_BYTES, 0);
    this.used.set(frame, 0);
    return frame;
  }

  /** Gives back the empty tables on the way to `virt`, from `level` upwards. */
  private prune(virt: number, level: number): void {
    const path: number[] = [];
    let table: number = this.root;
    for (let l = 4; l >= level; l--) {
      path[l] = table;
      const index = indexOf(virt, l);
      const low = this.low(table, index);
      if (!(low & PageFlag.Present) || isLeaf(l, low)) break;
      table = entryAddress(low, this.high(table, index), TABLE_BYTES);
    }
    for (let l = level; l < 4; l++) {
      const empty = path[l];
      if (empty === undefined) continue;
      if (this.used.get(empty) !== 0) return;
      const parent = path[l + 1];
      this.memory.fill(this.at(parent, indexOf(virt, l + 1)), 8, 0);
      this.used.set(parent, this.used.get(parent)! - 1);
      this.used.delete(empty);
      this.frames.free(empty as PhysAddr, TABLE_BYTES);
    }
  }

  /** Says why the page of `wanted` level at `virt` cannot be mapped: entry `index` of `table` is in the way. */
  private refuse(virt: number, table: number, index: number, level: number, wanted: number): never {
    const low = this.low(table, index), high = this.high(table, index);
    if (!isLeaf(level, low)) {
      throw new PagingError(
        "AlreadyMapped",
        `map ${hex(virt)}: smaller pages are mapped within these ${hex(SPAN[level])} bytes`,
      );
    }
    const span = SPAN[level];
    const target = entryAddress(low, high, span) + virt % span;
    throw level === wanted
      ? new PagingError("AlreadyMapped", `map ${hex(virt)}: already mapped to ${hex(target)}`)
      : new PagingError(
        "LargerPage",
        `map ${hex(virt)}: lies in the page of ${hex(span)} at ${hex(alignDown(virt, span))}, mapped to ${
          hex(target)
        }`,
      );
  }

  private at(table: number, index: number): number {
    return table - this.memory.base + index * 8;
  }
  private low(table: number, index: number): number {
    return this.memory.readU32(this.at(table, index));
  }
  private high(table: number, index: number): number {
    return this.memory.readU32(this.at(table, index) + 4);
  }
  /** High half first: the entry is not present until it is whole. */
  private writeEntry(table: number, index: number, phys: number, flags: number): void {
    const offset = this.at(table, index);
    this.memory.writeU32(offset + 4, entryHigh(phys, flags));
    this.memory.writeU32(offset, entryLow(phys, flags));
  }
}

/** Which entry of a table of `level` is on the way to `virt`. */
function indexOf(virt: number, level: number): number {
  // `&` keeps the low bits of any integer below 2^53; `%` on numbers this large is slow.
  return Math.floor(virt / SPAN[level]) & (ENTRIES - 1);
}

function isLeaf(level: number, low: number): boolean {
  return level === 1 || (level < 4 && (low & PageFlag.Huge) !== 0);
}
