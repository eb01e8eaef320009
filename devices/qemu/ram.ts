import type { MemoryMapEntry, RamRegion } from "../../arch/platform.ts";
import { createRam, firmwareMap, HIGH_BASE, lowMemory } from "../machine/ram.ts";
import type { Libc } from "./libc.ts";

/** One 32-bit slot for each vector: where MSI messages of this platform go. RAM that firmware keeps for itself. */
export const MAILBOX = 0x9_f000;
const PAGE = 4096;

/** QEMU's RAM as we see it. */
export interface SharedRam {
  readonly ram: RamRegion[];
  readonly memoryMap: MemoryMapEntry[];
  /** Whether `ram`'s bytes are QEMU's. If not, only {@link SharedRam.file} reaches them. */
  readonly mapped: boolean;
  readonly file: Deno.FsFile;
  /** Where a guest-physical address lies in the file. */
  offsetOf(address: number): number;
  close(): void;
}

/**
 * Opens the file that is QEMU's RAM (`memory-backend-file,share=on`). With libc it is mapped, and an access costs what
 * one to ordinary memory costs. Without, `ram` is ordinary memory that only the guest sees, good for its page tables;
 * what a device sees must go through {@link FileMemory}.
 */
export function openRam(path: string, machine: string, size: number, libc: Libc | undefined): SharedRam {
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  file.truncateSync(size);
  const low = lowMemory(machine, size);
  const offsetOf = (address: number) => address >= HIGH_BASE ? address - HIGH_BASE + low : address;
  const memoryMap = [...firmwareMap(machine, size), {
    base: MAILBOX,
    length: PAGE,
    kind: "reserved" as const,
  }];
  if (libc === undefined) {
    return {
      ram: createRam(machine, size).ram,
      memoryMap,
      mapped: false,
      file,
      offsetOf,
      close: () => file.close(),
    };
  }
  const parts = [libc.map(path, 0, low)];
  const ram: RamRegion[] = [{ base: 0, bytes: parts[0].bytes }];
  if (size > low) {
    parts.push(libc.map(path, low, size - low));
    ram.push({ base: HIGH_BASE, bytes: parts[1].bytes });
  }
  return {
    ram,
    memoryMap,
    mapped: true,
    file,
    offsetOf,
    close() {
      for (const part of parts) part.unmap();
      file.close();
    },
  };
}

/** Device memory without a mapping: every access is a read or write of QEMU's RAM file, about 0.5 µs. */
export class FileMemory {
  private readonly scratch = new Uint8Array(4);
  private readonly view = new DataView(this.scratch.buffer);

  /** @param base guest-physical address of offset 0; @param at where that is in the file. */
  constructor(
    readonly base: number,
    readonly size: number,
    private readonly file: Deno.FsFile,
    private readonly at: number,
  ) {}

  readU8(offset: number): number {
    return this.load(offset, 1)[0];
  }
  readU16(offset: number): number {
    this.load(offset, 2);
    return this.view.getUint16(0, true);
  }
  readU32(offset: number): number {
    this.load(offset, 4);
    return this.view.getUint32(0, true);
  }
  writeU8(offset: number, value: number): void {
    this.view.setUint8(0, value);
    this.writeBytes(offset, this.scratch.subarray(0, 1));
  }
  writeU16(offset: number, value: number): void {
    this.view.setUint16(0, value, true);
    this.writeBytes(offset, this.scratch.subarray(0, 2));
  }
  writeU32(offset: number, value: number): void {
    this.view.setUint32(0, value, true);
    this.writeBytes(offset, this.scratch);
  }
  readBytes(offset: number, target: Uint8Array): void {
    this.seek(offset, target.length);
    for (let done = 0; done < target.length;) {
      const n = this.file.readSync(target.subarray(done));
      if (n === null) throw new Error("QEMU's RAM file ends too early");
      done += n;
    }
  }
  writeBytes(offset: number, source: Uint8Array): void {
    this.seek(offset, source.length);
    for (let done = 0; done < source.length;) done += this.file.writeSync(source.subarray(done));
  }
  fill(offset: number, length: number, value: number): void {
    this.writeBytes(offset, new Uint8Array(length).fill(value));
  }
  barrier(_kind: number): void {}

  private load(offset: number, width: number): Uint8Array {
    const target = this.scratch.subarray(0, width);
    this.readBytes(offset, target);
    return target;
  }
  private seek(offset: number, length: number): void {
    if (offset < 0 || offset + length > this.size) {
      throw new RangeError(`device memory: ${length} bytes at ${offset} of ${this.size}`);
    }
    this.file.seekSync(this.at + offset, Deno.SeekMode.Start);
  }
}
