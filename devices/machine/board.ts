import type { AddressSpace, IrqLine } from "../bus.ts";
import type { MachineDescription } from "../description/types.ts";
import type { PciBus } from "../pci/mod.ts";
import type { TraceSink } from "../../spec/trace.ts";
import type { Ioapic } from "./ioapic.ts";

/** The IOAPIC pin of PIRQ A on machines with an IOAPIC that has pins for PCI. */
export const IO_APIC_PCI_PINS = 16;

/** What a board is built into. */
export interface BoardContext {
  readonly desc: MachineDescription;
  /** Windows of the machine itself: controllers, ECAM, virtio-mmio. They win over those of PCI functions. */
  readonly memory: AddressSpace;
  readonly ports: AddressSpace;
  /** Windows of PCI functions (their BARs). */
  readonly pciMemory: AddressSpace;
  readonly pciPorts: AddressSpace;
  readonly trace: TraceSink;
  readonly ioapic: Ioapic;
  /** Builds the second IOAPIC. */
  addIoapic(base: number): Ioapic;
}

/** A place for a virtio-mmio transport. */
export interface MmioSlot {
  /** Guest-physical address of the registers. */
  readonly base: number;
  /** Bytes of the window. */
  readonly size: number;
  readonly irq: IrqLine;
  /** The number that the guest knows the line by: pins of a second IOAPIC start at 24. */
  readonly line: number;
}

/** Where PCI functions go. */
export interface PciPlaces {
  readonly bus: PciBus;
  /** QEMU's name of the root bus: `pcie.0` on q35, `pci.0` on pc. */
  readonly name: string;
  /** INTA of a slot. */
  intx(slot: number): IrqLine;
  /** The lowest slot that a device without `addr` may get. */
  readonly firstSlot: number;
  /** Functions that QEMU puts there before all others unless told not to; they take slots, in this order. */
  readonly defaultDevices: readonly [display: string, network: string];
}

/** A board: what tells the machines apart. */
export interface Board {
  readonly pci?: PciPlaces;
  /** virtio-mmio slots, lowest address first. */
  readonly mmioSlots: readonly MmioSlot[];
  /** The kernel's command line: `-append` and what the board adds for the virtio-mmio slots in use. */
  commandLine(usedSlots: readonly number[]): string;
}
