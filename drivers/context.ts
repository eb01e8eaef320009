import type { PhysAddr } from "../arch/addresses.ts";
import type { Platform } from "../arch/platform.ts";
import type { DeviceAlloc } from "../mm/device_alloc.ts";
import type { IndirectAlloc } from "../mm/device_heap.ts";
import type { VirtqEnv } from "./virtio/virtqueue/types.ts";

/** Where drivers write messages; levels are Rust's `log` levels. */
export interface Log {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  trace(message: string): void;
}

/** How a line signals: PCI INTx is level triggered, active low (PCI 3.0, 2.2.6); virtio-mmio is level, active high. */
export interface LineMode {
  readonly trigger: "level" | "edge";
  readonly polarity: "high" | "low";
}

/** What drivers need of `arch/interrupts.ts`. */
export interface InterruptSetup {
  /** Adds a handler to an IOAPIC pin. The handler says whether the interrupt was its device's. */
  installLine(line: number, mode: LineMode, name: string, handler: () => boolean | void): void;
  /** Gives out a vector for a message signaled interrupt. */
  allocateVector(name: string, handler: () => void): number;
}

/** What a kernel gives its drivers. Everything a driver would otherwise keep in a static is reached through it. */
export interface DriverContext {
  readonly platform: Platform;
  readonly alloc: DeviceAlloc;
  readonly indirect: IndirectAlloc;
  readonly interrupts: InterruptSetup;
  readonly paging: { identityMap(phys: PhysAddr, length: number): void };
  readonly log: Log;
  /** `4K@0xfeb00000:5`, from `virtio_mmio.device=` on the command line. Empty: slots are guessed. */
  readonly mmioDevices: readonly string[];
  /** A variable of the kernel's environment: `HERMIT_MRG_RXBUF_SIZE`. */
  readonly env?: (name: string) => string | undefined;
  /** Forbids the packed ring (`split`); `packed` refuses devices without it. Default: packed where it is offered. */
  readonly vqKind?: "split" | "packed" | undefined;
}

/** A log that keeps nothing: for tests and examples. */
export const NO_LOG: Log = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };

/** The environment of a queue whose device is called `deviceName`. */
export function queueEnv(ctx: DriverContext, deviceName: string): VirtqEnv {
  return { alloc: ctx.alloc, indirect: ctx.indirect, deviceName, relax: () => ctx.platform.relax() };
}
