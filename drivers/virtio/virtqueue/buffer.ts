import type { PhysAddr, VirtAddr } from "../../../arch/addresses.ts";
import type { DeviceMemory } from "../../../arch/device_memory.ts";
import type { DeviceAlloc, DeviceBuffer } from "../../../mm/device_alloc.ts";
import { VirtqError } from "../error.ts";

/**
 * Bytes in device memory with a length and a capacity (Hermit: `Vec<u8, DeviceAlloc>`). The device reads `len` bytes
 * of it, or may write `capacity` bytes.
 *
 * ```ts
 * import { RamDeviceMemory } from "../../../arch/device_memory.ts";
 * import { DeviceAlloc } from "../../../mm/device_alloc.ts";
 * import { DeviceVec } from "./buffer.ts";
 *
 * const frames = { allocate: () => 0x1000 as never, free: () => {} };
 * const alloc = new DeviceAlloc(new RamDeviceMemory(0, new Uint8Array(0x2000)), frames);
 * const vec = DeviceVec.from(alloc, new Uint8Array([1, 2, 3]), "example");
 * console.assert(vec.len === 3 && vec.bytes()[2] === 3);
 * vec.free();
 * ```
 */
export class DeviceVec {
  declare readonly buffer: DeviceBuffer;
  /** Bytes that it can hold. */
  declare readonly capacity: number;
  /** The physical address as two int32 halves: descriptors are written with these. */
  declare readonly physLo: number;
  declare readonly physHi: number;
  /** Bytes that are filled. */
  len: number;

  private constructor(buffer: DeviceBuffer, capacity: number, len: number) {
    this.buffer = buffer;
    this.capacity = capacity;
    this.physLo = (buffer.phys % 2 ** 32) | 0;
    this.physHi = Math.floor(buffer.phys / 2 ** 32) | 0;
    this.len = len;
  }

  /**
   * An empty one with room for `capacity` bytes, zeroed.
   *
   * @throws {VirtqError} BufferNotSpecified if `capacity` is 0: a descriptor of length 0 has no meaning.
   * @throws {VirtqError} BufferToLarge above 2^32 - 1 bytes.
   */
  static withCapacity(alloc: DeviceAlloc, capacity: number, owner: string): DeviceVec {
    if (capacity === 0) throw new VirtqError("BufferNotSpecified", `${owner}: an element of 0 bytes`);
    if (capacity > 0xffff_ffff) {
      throw new VirtqError("BufferToLarge", `${owner}: ${capacity} bytes (at most 2^32 - 1)`);
    }
    return new DeviceVec(alloc.allocate(capacity, owner), capacity, 0);
  }

  /** One that holds `bytes`, and no more fits. */
  static from(alloc: DeviceAlloc, bytes: Uint8Array, owner: string): DeviceVec {
    const vec = DeviceVec.withCapacity(alloc, bytes.length, owner);
    vec.set(bytes);
    return vec;
  }

  /** Replaces the contents. @throws {VirtqError} BufferToLarge if they do not fit; nothing is changed then. */
  set(bytes: Uint8Array): void {
    if (bytes.length > this.capacity) {
      throw new VirtqError(
        "BufferToLarge",
        `${this.buffer.owner}: ${bytes.length} bytes into a capacity of ${this.capacity}`,
      );
    }
    this.buffer.memory.writeBytes(this.buffer.offset, bytes);
    this.len = bytes.length;
  }

  /** Copies the contents, as far as they fit, to the start of `target`. Returns the number of bytes. */
  copyTo(target: Uint8Array): number {
    const n = Math.min(this.len, target.length);
    this.buffer.memory.readBytes(this.buffer.offset, n === target.length ? target : target.subarray(0, n));
    return n;
  }

  /** A copy of the contents. */
  bytes(): Uint8Array {
    const copy = new Uint8Array(this.len);
    this.copyTo(copy);
    return copy;
  }

  free(): void {
    this.buffer.free();
  }
}

/** How a value of a fixed size lies in memory. The same object identifies the type when it is taken out again. */
export interface Codec<T> {
  /** Bytes; at least 1. */
  readonly size: number;
  read(memory: DeviceMemory, offset: number): T;
  write(memory: DeviceMemory, offset: number, value: T): void;
}

/**
 * One element of a buffer, one descriptor: a vector of bytes, or a value of a fixed size with its codec. When the
 * device reads it, `len` counts; when it may write, `capacity` does.
 */
export class BufferElem {
  declare readonly kind: "Vector" | "Sized";
  declare readonly vec: DeviceVec;
  /** The codec of a sized element. */
  declare readonly codec: Codec<unknown> | undefined;

  private constructor(kind: "Vector" | "Sized", vec: DeviceVec, codec: Codec<unknown> | undefined) {
    this.kind = kind;
    this.vec = vec;
    this.codec = codec;
  }

  static vector(vec: DeviceVec): BufferElem {
    return new BufferElem("Vector", vec, undefined);
  }

  /** A value in memory of its own; zero if no `value` is given. */
  static sized<T>(alloc: DeviceAlloc, codec: Codec<T>, owner: string, value?: T): BufferElem {
    const vec = DeviceVec.withCapacity(alloc, codec.size, owner);
    vec.len = codec.size;
    if (value !== undefined) codec.write(vec.buffer.memory, vec.buffer.offset, value);
    return new BufferElem("Sized", vec, codec as Codec<unknown>);
  }

  /** Bytes that the device reads. */
  get len(): number {
    return this.vec.len;
  }
  /** Bytes that the device may write. */
  get capacity(): number {
    return this.vec.capacity;
  }
  get addr(): VirtAddr {
    return this.vec.buffer.virt;
  }
  get phys(): PhysAddr {
    return this.vec.buffer.phys;
  }

  /** Writes a sized element. @throws {VirtqError} General if it was made with another codec. */
  setValue<T>(codec: Codec<T>, value: T): void {
    this.check(codec as Codec<unknown>);
    codec.write(this.vec.buffer.memory, this.vec.buffer.offset, value);
  }
  /** Reads a sized element. @throws {VirtqError} General if it was made with another codec. */
  value<T>(codec: Codec<T>): T {
    this.check(codec as Codec<unknown>);
    return codec.read(this.vec.buffer.memory, this.vec.buffer.offset);
  }
  free(): void {
    this.vec.free();
  }

  private check(codec: Codec<unknown>): void {
    if (this.codec === codec) return;
    const found = this.codec === undefined ? "a vector" : `a value of ${this.codec.size} bytes`;
    throw new VirtqError(
      "General",
      `${this.vec.buffer.owner}: the element is ${found}, not the type asked for (${codec.size} bytes)`,
    );
  }
}
