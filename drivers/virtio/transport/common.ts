import type { IoMemory } from "../../../arch/io_memory.ts";
import type { Platform } from "../../../arch/platform.ts";
import { VirtioError } from "../error.ts";
import { IsrBits } from "../../../spec/virtio/status.ts";
import type { DevCfgSpace, InterruptHandlers, IsrStatus } from "./mod.ts";

/** How often a register is read before a device counts as dead. On the simulated platform `relax` moves time on. */
const MAX_POLLS = 10_000;
/** How often the configuration may change under a reader. */
const MAX_GENERATIONS = 100;

/** Waits, through `relax`, until `done`. @throws {VirtioError} DeviceNotResponding after 10,000 looks. */
export function waitFor(platform: Platform, done: () => boolean, message: () => string): void {
  for (let i = 0; i < MAX_POLLS; i++) {
    if (done()) return;
    platform.relax();
  }
  throw new VirtioError("DeviceNotResponding", message());
}

/** The device configuration behind a register window. */
export class WindowDevCfg implements DevCfgSpace {
  readonly length: number;
  constructor(
    private readonly regs: IoMemory,
    private readonly generation: () => number,
    private readonly deviceName: string,
  ) {
    this.length = regs.length;
  }
  readU8(offset: number): number {
    return this.regs.read(offset, 1);
  }
  readU16(offset: number): number {
    return this.regs.read(offset, 2);
  }
  readU32(offset: number): number {
    return this.regs.read(offset, 4);
  }
  writeU8(offset: number, value: number): void {
    this.regs.write(offset, 1, value);
  }
  writeU16(offset: number, value: number): void {
    this.regs.write(offset, 2, value);
  }
  writeU32(offset: number, value: number): void {
    this.regs.write(offset, 4, value);
  }
  consistent<T>(read: (cfg: DevCfgSpace) => T): T {
    let before = this.generation();
    for (let i = 0; i < MAX_GENERATIONS; i++) {
      const value = read(this);
      const after = this.generation();
      if (after === before) return value;
      before = after;
    }
    throw new VirtioError(
      "DeviceNotResponding",
      `${this.deviceName}: the configuration changed ${MAX_GENERATIONS} times while it was read`,
    );
  }
}

/** The handler of a line: asks the status register whose interrupt it was, then tells the driver. */
export function lineHandler(isr: IsrStatus, handlers: InterruptHandlers): () => boolean {
  return () => {
    const status = isr.acknowledge();
    if ((status & (IsrBits.QUEUE | IsrBits.CONFIG)) === 0) return false;
    if (status & IsrBits.CONFIG) handlers.onConfig();
    if (status & IsrBits.QUEUE) { for (const queue of handlers.queues) queue.onUsed(); }
    return true;
  };
}
