import { physAddr } from "../../../arch/addresses.ts";
import type { MachineDescription } from "../../../devices/description/mod.ts";
import { createMachine, type Machine, type MachineHost } from "../../../devices/machine/mod.ts";
import { NO_TRACE, type TraceEvent } from "../../../spec/trace.ts";

/** A machine without devices unless `desc` says otherwise. */
export function machineOf(desc: Partial<MachineDescription> = {}, host: Partial<MachineHost> = {}): Machine {
  return createMachine(
    {
      machine: "q35",
      machineProps: {},
      memory: 16 << 20,
      devices: [],
      chardevs: [],
      serial: [],
      objects: [],
      netdevs: [],
      globals: [],
      append: "",
      nodefaults: true,
      trace: [],
      ignored: [],
      ...desc,
    },
    { chardevs: new Map(), seed: 1, trace: NO_TRACE, ...host },
  );
}

/** Reads configuration space by mechanism 1. */
export function cfgRead(m: Machine, dev: number, fn: number, offset: number, width: 1 | 2 | 4 = 4): number {
  m.portWrite(0xcf8, 4, (0x8000_0000 | dev << 11 | fn << 8 | offset & 0xfc) >>> 0);
  return m.portRead(0xcfc + (offset & 3), width);
}
/** Writes configuration space by mechanism 1. */
export function cfgWrite(
  m: Machine,
  dev: number,
  fn: number,
  offset: number,
  width: 1 | 2 | 4,
  value: number,
): void {
  m.portWrite(0xcf8, 4, (0x8000_0000 | dev << 11 | fn << 8 | offset & 0xfc) >>> 0);
  m.portWrite(0xcfc + (offset & 3), width, value);
}
export const read32 = (m: Machine, at: number) => m.mmioRead(physAddr(at), 4);
export const write32 = (m: Machine, at: number, value: number) => m.mmioWrite(physAddr(at), 4, value);

export const IOAPIC = 0xfec0_0000;
export const LAPIC = 0xfee0_0000;

/** Programs a redirection entry's low half, and the local APIC on. */
export function route(m: Machine, pin: number, entry: number, ioapic = IOAPIC): void {
  write32(m, LAPIC + 0xf0, 0x1ff);
  write32(m, ioapic, 0x10 + 2 * pin);
  write32(m, ioapic + 0x10, entry);
}
export function redirection(m: Machine, pin: number, ioapic = IOAPIC): number {
  write32(m, ioapic, 0x10 + 2 * pin);
  return read32(m, ioapic + 0x10);
}
export const endOfInterrupt = (m: Machine) => write32(m, LAPIC + 0xb0, 0);

/** A sink that keeps everything. */
export function recorder(): { on: true; events: TraceEvent[]; emit(e: TraceEvent): void } {
  const events: TraceEvent[] = [];
  return { on: true, events, emit: (e) => events.push(e) };
}
export const LEVEL_LOW = 0xa000;
