import type { PhysAddr } from "../arch/addresses.ts";
import type { DeviceMemory } from "../arch/device_memory.ts";
import { alignUp } from "../arch/addresses.ts";
import {
  type AllocatedMemory,
  AllocError,
  type DeviceAlloc,
  type DeviceBuffer,
  PAGE_SIZE,
} from "./device_alloc.ts";

/** Bytes of a unit: one descriptor. */
export const HEAP_UNIT = 16;

/** A small piece of device-visible memory, for an indirect descriptor table. Valid until it is freed. */
export class IndirectTable {
  declare readonly memory: DeviceMemory;
  /** Where it starts in `memory`, in bytes. */
  declare readonly offset: number;
  declare readonly phys: PhysAddr;
  /** Length in bytes, as asked for. */
  declare readonly length: number;
  /** The physical address as two int32 halves: descriptors are written with these. */
  declare readonly physLo: number;
  declare readonly physHi: number;

  constructor(memory: DeviceMemory, offset: number, phys: PhysAddr, length: number) {
    this.memory = memory;
    this.offset = offset;
    this.phys = phys;
    this.length = length;
    this.physLo = (phys % 2 ** 32) | 0;
    this.physHi = Math.floor(phys / 2 ** 32) | 0;
  }
}

/** Where indirect tables come from. */
export interface IndirectAlloc {
  /** @param bytes a multiple of 16. @throws {AllocError} when no memory is left. */
  allocate(bytes: number, owner: string): IndirectTable;
  /** @throws {AllocError} for a table that is not (or no longer) allocated. */
  free(table: IndirectTable): void;
}

/** Pages that the heap got in one piece, and which of their units are taken. */
class Chunk {
  declare readonly buffer: DeviceBuffer;
  /** Offset of the first byte in the memory, and the length in bytes. */
  declare readonly start: number;
  declare readonly end: number;
  /** Per unit: 0 free, 1 taken. */
  declare readonly taken: Uint8Array;
  /** Per unit: the table that starts there, kept to be handed out again. */
  declare readonly tables: (IndirectTable | undefined)[];
  /** Per unit: 1 if a live table starts there. */
  declare readonly live: Uint8Array;
  /** No unit below this one is free. */
  hint = 0;

  constructor(buffer: DeviceBuffer, units: number) {
    this.buffer = buffer;
    this.start = buffer.offset;
    this.end = units * HEAP_UNIT;
    this.taken = new Uint8Array(units);
    this.live = new Uint8Array(units);
    this.tables = new Array(units).fill(undefined);
  }

  /** First unit of the lowest free run of `n` units, or -1. */
  find(n: number): number {
    const taken = this.taken;
    const units = taken.length;
    let at = this.hint;
    while (at < units && taken[at] === 1) at++;
    this.hint = at;
    while (at + n <= units) {
      let k = 0;
      while (k < n && taken[at + k] === 0) k++;
      if (k === n) return at;
      at += k + 1;
      while (at < units && taken[at] === 1) at++;
    }
    return -1;
  }
}

/**
 * Gives out pieces of device memory smaller than a page, in units of 16 bytes, first fit. Pages come from a
 * {@link DeviceAlloc}, `chunkBytes` at a time, and go back with {@link DeviceHeap.release}. Hermit puts indirect
 * tables on the kernel's heap; here the heap must be visible to devices.
 *
 * ```ts
 * import { RamDeviceMemory } from "../arch/device_memory.ts";
 * import { DeviceAlloc, type FrameSource } from "./device_alloc.ts";
 * import { DeviceHeap } from "./device_heap.ts";
 *
 * const frames: FrameSource = { allocate: () => 0x1000 as never, free: () => {} };
 * const heap = new DeviceHeap(new DeviceAlloc(new RamDeviceMemory(0, new Uint8Array(0x2000)), frames));
 * const table = heap.allocate(32, "example");
 * console.assert(table.phys === 0x1000 && table.length === 32);
 * heap.free(table);
 * ```
 */
export class DeviceHeap implements IndirectAlloc {
  declare private readonly chunks: Chunk[];

  constructor(
    private readonly alloc: DeviceAlloc,
    /** How many bytes are fetched at a time, at least; whole pages. */
    private readonly chunkBytes: number = PAGE_SIZE,
    private readonly name: string = "device heap",
  ) {
    this.chunks = [];
  }

  allocate(bytes: number, owner: string): IndirectTable {
    if (!Number.isInteger(bytes) || bytes <= 0) {
      throw new AllocError(`${owner}: cannot allocate ${bytes} bytes from the ${this.name}`);
    }
    const units = (bytes + HEAP_UNIT - 1) >> 4;
    const chunks = this.chunks;
    for (let i = 0; i < chunks.length; i++) {
      const at = chunks[i].find(units);
      if (at >= 0) return this.take(chunks[i], at, units, bytes, owner);
    }
    const length = alignUp(Math.max(this.chunkBytes, units * HEAP_UNIT), PAGE_SIZE);
    const chunk = new Chunk(this.alloc.allocate(length, `${this.name}, for ${owner}`), length / HEAP_UNIT);
    chunks.push(chunk);
    return this.take(chunk, 0, units, bytes, owner);
  }

  free(table: IndirectTable): void {
    const chunks = this.chunks;
    for (let i = 0; i < chunks.length; i++) {
      const chunk = chunks[i];
      const distance = table.offset - chunk.start;
      if (distance < 0 || distance >= chunk.end) continue;
      const at = distance >> 4;
      if (chunk.tables[at] !== table || chunk.live[at] === 0) break;
      const end = at + ((table.length + HEAP_UNIT - 1) >> 4);
      for (let u = at; u < end; u++) chunk.taken[u] = 0;
      chunk.live[at] = 0;
      const { watcher } = this.alloc;
      if (watcher !== undefined) watcher.freed(pieceOf(table, chunk.buffer.owner), true);
      if (at < chunk.hint) chunk.hint = at;
      return;
    }
    this.alloc.watcher?.freedWrongly(pieceOf(table, this.name), true);
    throw new AllocError(`${this.name}: the table at 0x${table.phys.toString(16)} is not allocated`);
  }

  /** Bytes in use, in units of 16. */
  get used(): number {
    let n = 0;
    for (const chunk of this.chunks) for (const t of chunk.taken) n += t;
    return n * HEAP_UNIT;
  }

  /** Gives all pages back that hold no table. */
  release(): void {
    for (let i = this.chunks.length - 1; i >= 0; i--) {
      if (this.chunks[i].taken.includes(1)) continue;
      this.chunks[i].buffer.free();
      this.chunks.splice(i, 1);
    }
  }

  private take(chunk: Chunk, at: number, units: number, bytes: number, owner: string): IndirectTable {
    const taken = chunk.taken;
    for (let u = at; u < at + units; u++) taken[u] = 1;
    chunk.live[at] = 1;
    if (at === chunk.hint) chunk.hint = at + units;
    let table = chunk.tables[at];
    if (table === undefined || table.length !== bytes) {
      const offset = at * HEAP_UNIT;
      table = new IndirectTable(
        chunk.buffer.memory,
        chunk.buffer.offset + offset,
        (chunk.buffer.phys + offset) as PhysAddr,
        bytes,
      );
      chunk.tables[at] = table;
    }
    const { watcher } = this.alloc;
    if (watcher !== undefined) watcher.allocated(pieceOf(table, owner), true);
    return table;
  }
}

function pieceOf({ phys, length }: IndirectTable, owner: string): AllocatedMemory {
  return { phys, length, owner };
}
