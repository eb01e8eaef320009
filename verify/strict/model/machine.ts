import type { BufferView, RingPart } from "../events.ts";
import type { Place } from "../report.ts";
import type { DeviceModel } from "./device.ts";

/** A PCI function as its configuration space says. */
export interface FunctionModel {
  readonly bdf: string;
  readonly name: string;
  /** The 256 bytes as at power on, with what was written since. */
  readonly config: Uint8Array;
  /** Address that a BAR holds now. */
  barAddress(bar: number): number;
  /** Bytes that a BAR covers; 0: not implemented. */
  barSize(bar: number): number;
  /** Whether a BAR is of ports. */
  isPorts(bar: number): boolean;
}

/** All that rules know of a machine. */
export interface MachineModel {
  /** Virtual nanoseconds. */
  readonly time: number;
  /** Number of the trace's current event. */
  readonly event: number;
  /** `simulated`, `qemu`, or `trace` for a recorded run. */
  readonly platform: string;
  readonly devices: readonly DeviceModel[];
  readonly functions: ReadonlyMap<string, FunctionModel>;
  /** Device memory that is allocated. */
  readonly allocated: Iterable<BufferView>;
  /** The allocation that holds an address; `piece`s go first. */
  allocationAt(address: number): BufferView | undefined;
  /** Whether device memory at an address was ever allocated, and is not any more. */
  wasFreed(address: number): BufferView | undefined;
  /** Whether the driver, or a device, wrote every byte since it was allocated (memory that is no device memory: true). */
  isInitialised(address: number, length: number): boolean;
  /** Whether all of it is RAM. */
  isRam(address: number, length: number): boolean;
  /** The part of an enabled queue at an address. */
  partAt(address: number): RingPart | undefined;
  /** Guest memory, little-endian; 0 outside RAM. */
  u8(address: number): number;
  u16(address: number): number;
  u32(address: number): number;
  /** 64 bits as a number: exact up to 2^53. */
  u64(address: number): number;
  bytes(address: number, length: number): Uint8Array;
  hex(address: number, length: number): string;
  /** Where the driver's code is now, innermost first; empty while a device acts, and for a recorded run. */
  place(): Place;
}
