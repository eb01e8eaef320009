import { NO_TRACE, type TraceSink } from "../../spec/trace.ts";
import type { AddressSpace } from "../bus.ts";
import type { PciFunction } from "./function.ts";

const hex2 = (n: number) => n.toString(16).padStart(2, "0");

/**
 * The root bus: 32 slots of 8 functions. Whatever front door a machine has (ports 0xcf8 and 0xcfc, ECAM) ends in
 * {@link PciBus.configRead} and {@link PciBus.configWrite}. Windows of functions appear in the two address spaces.
 */
export class PciBus {
  private readonly slots = new Map<number, PciFunction>();

  constructor(
    readonly memory: AddressSpace,
    readonly ports: AddressSpace,
    private readonly trace: TraceSink = NO_TRACE,
  ) {}

  /**
   * Puts a function into a slot.
   *
   * @throws {Error} if the place does not exist or is taken; the message names who has it.
   */
  add(fn: PciFunction, slot: number, func = 0): void {
    const where = `00:${hex2(slot)}.${func}`;
    if (!(slot >= 0 && slot < 32 && func >= 0 && func < 8)) {
      throw new Error(`PCI: no place ${where} for ${fn.name} (slots 0 to 31, functions 0 to 7)`);
    }
    const there = this.slots.get(slot * 8 + func);
    if (there !== undefined) {
      throw new Error(`PCI: ${where} is taken by ${there.name}, no place for ${fn.name}`);
    }
    this.slots.set(slot * 8 + func, fn);
    fn.attach(where, this.memory, this.ports);
  }
  /** The function in a place, or undefined. */
  at(slot: number, func = 0): PciFunction | undefined {
    return this.slots.get(slot * 8 + func);
  }
  /** The lowest slot, from `first` on, that no function uses. */
  freeSlot(first = 1): number | undefined {
    for (let slot = first; slot < 32; slot++) {
      if (![0, 1, 2, 3, 4, 5, 6, 7].some((f) => this.slots.has(slot * 8 + f))) return slot;
    }
    return undefined;
  }
  /** All functions, lowest place first. */
  get functions(): { slot: number; func: number; fn: PciFunction }[] {
    return [...this.slots].sort((a, b) => a[0] - b[0]).map(([k, fn]) => ({ slot: k >> 3, func: k & 7, fn }));
  }
  /** Resets every function. */
  reset(): void {
    for (const { fn } of this.functions) fn.reset();
  }

  /** Reads `width` bytes; all ones where nothing is, also past a function's 256 bytes. */
  configRead(bus: number, dev: number, func: number, offset: number, width: number): number {
    const fn = bus === 0 ? this.slots.get(dev * 8 + func) : undefined;
    const value = fn === undefined || offset >= fn.config.length
      ? 2 ** (8 * width) - 1
      : fn.configRead(offset, width);
    if (this.trace.on) this.record("pci_cfg_read", bus, dev, func, offset, width, value, fn);
    return value;
  }
  configWrite(bus: number, dev: number, func: number, offset: number, width: number, value: number): void {
    const fn = bus === 0 ? this.slots.get(dev * 8 + func) : undefined;
    if (this.trace.on) this.record("pci_cfg_write", bus, dev, func, offset, width, value, fn);
    fn?.configWrite(offset, width, value);
  }

  private record(
    ev: "pci_cfg_read" | "pci_cfg_write",
    bus: number,
    dev: number,
    func: number,
    offset: number,
    width: number,
    value: number,
    fn: PciFunction | undefined,
  ): void {
    const bdf = `${hex2(bus)}:${hex2(dev)}.${func}`;
    this.trace.emit({ ev, bdf, offset, width, value, ...(fn === undefined ? {} : { dev: fn.name }) });
  }
}
