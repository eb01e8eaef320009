import { alignUp, hex, type PhysAddr, type VirtAddr } from "../arch/addresses.ts";
import type { DeviceMemory } from "../arch/device_memory.ts";

/** Bytes of a page: the granule of device memory. */
export const PAGE_SIZE = 4096;

/** Device memory cannot be given out or taken back as asked. */
export class AllocError extends Error {
  override name = "AllocError";
}

/** Where frames come from: `FrameAlloc` of `physicalmem.ts`, or an arena of a test. Addresses and lengths in bytes. */
export interface FrameSource {
  /** Contiguous frames, first fit. @throws {AllocError} when there are none. */
  allocate(length: number): PhysAddr;
  free(start: PhysAddr, length: number): void;
}

/**
 * A piece of device-visible memory: contiguous in physical memory, seen through `memory` at `offset`.
 * Freed by {@link DeviceBuffer.free} or `using`.
 */
export class DeviceBuffer implements Disposable {
  declare readonly memory: DeviceMemory;
  declare readonly offset: number;
  declare readonly length: number;
  declare readonly phys: PhysAddr;
  declare readonly virt: VirtAddr;
  declare readonly owner: string;
  declare private readonly alloc: DeviceAlloc;

  constructor(
    alloc: DeviceAlloc,
    memory: DeviceMemory,
    offset: number,
    length: number,
    phys: PhysAddr,
    virt: VirtAddr,
    owner: string,
  ) {
    this.alloc = alloc;
    this.memory = memory;
    this.offset = offset;
    this.length = length;
    this.phys = phys;
    this.virt = virt;
    this.owner = owner;
  }
  free(): void {
    this.alloc.free(this);
  }
  [Symbol.dispose](): void {
    if (this.alloc.isLive(this)) this.alloc.free(this);
  }
}

/** Device memory that was given out. Address guest-physical, length in bytes. */
export interface AllocatedMemory {
  readonly phys: number;
  readonly length: number;
  readonly owner: string;
}
/** Who wants to know what device memory is given out. `piece`: a part of an allocation, not pages of its own. */
export interface AllocWatcher {
  allocated(memory: AllocatedMemory, piece: boolean): void;
  freed(memory: AllocatedMemory, piece: boolean): void;
  /** Somebody wants to free what is not allocated, or not any more; an {@link AllocError} follows. */
  freedWrongly(memory: AllocatedMemory, piece: boolean): void;
  /** The allocator itself clears or poisons memory now, or is done with it. */
  housekeeping(now: boolean): void;
}

/**
 * Gives out device-visible memory: whole pages, physically contiguous, zeroed, `virt = phys + offset` (Hermit's
 * `DeviceAlloc`). The offset is 0, or in `careful` mode not, so that a forgotten translation shows at once.
 */
export class DeviceAlloc {
  /** Told of all that is given out and taken back. */
  watcher: AllocWatcher | undefined = undefined;
  private readonly liveBuffers = new Map<number, DeviceBuffer>();

  constructor(
    readonly memory: DeviceMemory,
    private readonly frames: FrameSource,
    /** Added to a physical address to get the virtual one; a multiple of the page size. */
    readonly offset: number = 0,
    /** Written over freed memory, if given. */
    private readonly poison?: number,
  ) {}

  /**
   * Allocates `length` bytes, rounded up to whole pages.
   *
   * @param owner who asks, for the list of what is still allocated: `virtio-rng queue 0 desc`.
   * @throws {AllocError} if `length` is not positive or no contiguous memory is left.
   */
  allocate(length: number, owner: string): DeviceBuffer {
    if (!Number.isInteger(length) || length <= 0) {
      throw new AllocError(`${owner}: cannot allocate ${length} bytes of device memory`);
    }
    const size = alignUp(length, PAGE_SIZE);
    const phys = this.frames.allocate(size);
    const offset = phys - this.memory.base;
    if (offset < 0 || offset + size > this.memory.size) {
      this.frames.free(phys, size);
      throw new AllocError(`${owner}: frames at ${hex(phys)} are outside the memory that devices see`);
    }
    this.clean(offset, size, 0);
    const virt = (phys + this.offset) as VirtAddr;
    const buffer = new DeviceBuffer(this, this.memory, offset, length, phys, virt, owner);
    this.liveBuffers.set(phys, buffer);
    this.watcher?.allocated(buffer, false);
    return buffer;
  }

  /** @throws {AllocError} for a buffer that is not (or no longer) allocated here. */
  free(buffer: DeviceBuffer): void {
    const live = this.liveBuffers.get(buffer.phys);
    if (live !== buffer) {
      const why = live === undefined
        ? "is not allocated (freed twice, or foreign)"
        : `belongs to ${live.owner}`;
      this.watcher?.freedWrongly(buffer, false);
      throw new AllocError(`${buffer.owner}: memory at ${hex(buffer.phys)} ${why}`);
    }
    this.liveBuffers.delete(buffer.phys);
    const size = alignUp(buffer.length, PAGE_SIZE);
    if (this.poison !== undefined) this.clean(buffer.offset, size, this.poison);
    this.frames.free(buffer.phys, size);
    this.watcher?.freed(buffer, false);
  }

  isLive(buffer: DeviceBuffer): boolean {
    return this.liveBuffers.get(buffer.phys) === buffer;
  }

  /** Hermit's `phys_addr_from`: right only for memory of this allocator. */
  physAddrFrom(virt: VirtAddr): PhysAddr {
    return (virt - this.offset) as PhysAddr;
  }

  private clean(offset: number, length: number, value: number): void {
    this.watcher?.housekeeping(true);
    this.memory.fill(offset, length, value);
    this.watcher?.housekeeping(false);
  }

  /** What is still allocated, in order of address. */
  live(): DeviceBuffer[] {
    return [...this.liveBuffers.values()].sort((a, b) => a.phys - b.phys);
  }
}
