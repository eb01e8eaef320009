import type { PhysAddr } from "./addresses.ts";
import type { TraceSink } from "../spec/trace.ts";

/** Width of an access in bytes. A 64-bit register is accessed as two halves (virtio 1.4, 4.1.3.1). */
export type Width = 1 | 2 | 4;

/** A stretch of guest RAM. `bytes` is the memory itself: both sides look at the same bytes. */
export interface RamRegion {
  /** Guest-physical address of the first byte. */
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBufferLike>;
}

/** One line of the memory map that firmware hands over (as x86's E820). Lengths in bytes. */
export interface MemoryMapEntry {
  readonly base: number;
  readonly length: number;
  readonly kind: "usable" | "reserved";
}

/** What a device must write, and where, to raise a vector (PCI 3.0, 6.8). */
export interface MsiMessage {
  readonly address: number;
  readonly data: number;
}

/**
 * All that the guest half knows of the world: RAM, loads and stores outside RAM, port I/O, interrupts, time. The
 * simulated machine and the real QEMU implement it.
 *
 * Interrupts: lines and messages go through the interrupt controllers (IOAPIC at 0xfec00000 and local APIC at
 * 0xfee00000, which the guest programs with `mmioWrite`); what reaches the CPU is a vector.
 */
export interface Platform {
  /** `simulated` or `qemu`. */
  readonly name: string;
  /** QEMU's machine name: `q35`, `pc` or `microvm`. */
  readonly machine: string;
  /** Guest RAM, lowest first. The first region starts at 0. The hole below 1 MiB is in the region but not usable. */
  readonly ram: readonly RamRegion[];
  readonly memoryMap: readonly MemoryMapEntry[];
  /** The kernel's command line (`-append`). */
  readonly commandLine: string;
  /** Where the guest half sends what it does (ring writes, task switches). */
  readonly trace: TraceSink;

  /** Loads outside RAM. Nothing there: 0, as QEMU answers (a bus that floats would give all ones). */
  mmioRead(address: PhysAddr, width: Width): number;
  /** Stores outside RAM. Nothing there: dropped. */
  mmioWrite(address: PhysAddr, width: Width, value: number): void;
  /** `in`. Nothing there: all ones. */
  portRead(port: number, width: Width): number;
  /** `out`. Nothing there: dropped. */
  portWrite(port: number, width: Width, value: number): void;

  /** Takes the pending interrupt with the highest vector, as the CPU's acknowledge does; -1 when there is none. */
  takeInterrupt(): number;
  /** The message that raises `vector` on this platform's CPU. */
  msiMessage(vector: number): MsiMessage;

  /** Time since power on in nanoseconds, never running backwards. */
  now(): number;
  /** `pause`: the guest spins; devices may act. Lets a little time pass. */
  relax(): void;
  /**
   * `hlt`: returns when an interrupt is pending, or at `until` (nanoseconds as of {@link now}), whichever comes first.
   * Without anything that could ever wake the guest it returns after host input or, when no input can come, throws
   * {@link DeadlockError}. A promise where the host must be waited for; otherwise it returns at once.
   */
  idle(until?: number): void | Promise<void>;
  /** Ends the machine; `code` becomes the exit status where the machine has no other way to say it. */
  powerOff(code: number): void;
  /** Set once the machine has ended (power off, isa-debug-exit): the exit status. */
  readonly exitCode: number | undefined;
}

export { DeadlockError } from "../spec/deadlock.ts";
