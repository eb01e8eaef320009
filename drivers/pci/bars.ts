import { alignUp, hex } from "../../arch/addresses.ts";
import { PciCfg, PciCommand } from "../../spec/pci.ts";
import { PciError } from "../virtio/error.ts";
import type { PciDevice } from "../pci.ts";

/** A base address register. Address and size in bytes; address 0: not assigned. */
export interface Bar {
  /** 0 to 5. A 64-bit BAR takes this register and the next. */
  readonly index: number;
  readonly kind: "io" | "memory32" | "memory64";
  readonly address: number;
  readonly size: number;
  readonly prefetchable: boolean;
}

/** BARs of an ordinary function (header type 0). */
const BAR_COUNT = 6;
const TYPE_64 = 2;

/**
 * Reads and sizes the BARs (PCI 3.0, 6.2.5.1). Decoding is off while the registers hold all ones: a device that decodes
 * would answer at those addresses. Registers and COMMAND are restored.
 */
export function readBars(device: PciDevice): Bar[] {
  const command = device.command();
  device.setCommand(command & ~(PciCommand.IO | PciCommand.MEMORY));
  const bars: Bar[] = [];
  for (let index = 0; index < BAR_COUNT; index++) {
    const { value, mask } = probe(device, index);
    if (value & 1 || mask & 1) {
      const bits = mask & 0xfffc;
      if (bits === 0) continue;
      const address = (value & 0xfffc) >>> 0;
      bars.push({ index, kind: "io", address, size: bits & -bits, prefetchable: false });
      continue;
    }
    const type = (mask >>> 1) & 3;
    const prefetchable = (mask & 8) !== 0;
    const low = (mask & 0xffff_fff0) >>> 0;
    if (type !== TYPE_64) {
      if (low === 0) continue;
      const address = (value & 0xffff_fff0) >>> 0;
      bars.push({ index, kind: "memory32", address, size: lowestBit(low), prefetchable });
      continue;
    }
    // The last register has no neighbour for the upper half.
    if (index === BAR_COUNT - 1) break;
    const upper = probe(device, index + 1);
    const size = low !== 0 ? lowestBit(low) : lowestBit(upper.mask) * 2 ** 32;
    const address = upper.value * 2 ** 32 + ((value & 0xffff_fff0) >>> 0);
    if (size !== 0) bars.push({ index, kind: "memory64", address, size, prefetchable });
    index++;
  }
  device.setCommand(command);
  return bars;
}

function probe(device: PciDevice, index: number): { value: number; mask: number } {
  const offset = PciCfg.BAR0 + 4 * index;
  const value = device.read(offset, 4);
  device.write(offset, 4, 0xffff_ffff);
  const mask = device.read(offset, 4);
  device.write(offset, 4, value);
  return { value, mask };
}

const lowestBit = (n: number): number => (n & -n) >>> 0;

/** Writes a BAR's address. Decoding must be off. */
export function writeBar(device: PciDevice, bar: Bar, address: number): Bar {
  const offset = PciCfg.BAR0 + 4 * bar.index;
  device.write(offset, 4, address % 2 ** 32);
  if (bar.kind === "memory64") device.write(offset + 4, 4, Math.floor(address / 2 ** 32));
  return { ...bar, address };
}

/** First and last+1 address that BARs get: where QEMU's machines have their PCI hole, below the IOAPIC. */
const MEMORY_WINDOW = { start: 0xe000_0000, end: 0xfe00_0000 };
/** For 64-bit BARs that do not fit below: above all RAM a machine can have here. */
const HIGH_WINDOW = { start: 0x80_0000_0000, end: 0x100_0000_0000 };
const IO_WINDOW = { start: 0xc000, end: 0x1_0000 };
/** Memory BARs never share a page: pages are mapped one by one. */
const MEMORY_ALIGN = 4096;

/** Gives out addresses for the BARs of one bus, around those that firmware assigned. */
export class BarSpace {
  private readonly memory: { start: number; end: number }[] = [];
  private readonly io: { start: number; end: number }[] = [];

  /** Marks an assigned BAR as taken. */
  reserve(bar: Bar): void {
    const list = bar.kind === "io" ? this.io : this.memory;
    list.push({ start: bar.address, end: bar.address + bar.size });
  }

  /** The lowest free address, aligned to the BAR's size. @throws {PciError} when the window is full. */
  allocate(bar: Bar, owner: string): number {
    if (bar.kind === "io") {
      const address = firstFit(this.io, IO_WINDOW, bar.size, bar.size);
      if (address !== undefined) return address;
    } else {
      const size = Math.max(bar.size, MEMORY_ALIGN);
      const low = firstFit(this.memory, MEMORY_WINDOW, size, size);
      if (low !== undefined) return low;
      const high = bar.kind === "memory64" ? firstFit(this.memory, HIGH_WINDOW, size, size) : undefined;
      if (high !== undefined) return high;
    }
    throw new PciError(
      "NoBar",
      `${owner}: no ${bar.kind} space for BAR${bar.index} of ${hex(bar.size)} bytes`,
    );
  }
}

function firstFit(
  taken: { start: number; end: number }[],
  window: { start: number; end: number },
  size: number,
  align: number,
): number | undefined {
  let at = alignUp(window.start, align);
  while (at + size <= window.end) {
    const clash = taken.find((t) => t.start < at + size && at < t.end);
    if (clash === undefined) {
      taken.push({ start: at, end: at + size });
      return at;
    }
    at = alignUp(clash.end, align);
  }
  return undefined;
}
