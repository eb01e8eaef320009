import type { DeviceMemory } from "../../../arch/device_memory.ts";
import type { Interrupts } from "../../../arch/interrupts.ts";
import type { Platform } from "../../../arch/platform.ts";
import type { DeviceAlloc } from "../../../mm/device_alloc.ts";

/** What the student's driver stands on: a machine, its memory, its interrupts. */
export interface Ground {
  readonly platform: Platform;
  /** Memory that devices see. Offsets are bytes from its base. */
  readonly memory: DeviceMemory;
  readonly alloc: DeviceAlloc;
  readonly interrupts: Interrupts;
  /** Waits for an interrupt. */
  halt(): void;
}

/** The device is not there, refuses, or does not answer. */
export class DriverError extends Error {
  override name = "DriverError";
}

/** A 64-bit field as two halves, low first. */
export function write64(memory: DeviceMemory, offset: number, value: number): void {
  memory.writeU32(offset, value % 2 ** 32);
  memory.writeU32(offset + 4, Math.floor(value / 2 ** 32));
}
