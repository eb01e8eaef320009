import { alignDown, alignUp, hex, physAddr } from "../arch/addresses.ts";
import { IoMemory } from "../arch/io_memory.ts";
import type { Width } from "../arch/platform.ts";
import { PciCfg, PciCommand } from "../spec/pci.ts";
import type { DriverContext, Log } from "./context.ts";
import { type Bar, BarSpace, readBars, writeBar } from "./pci/bars.ts";
import { capabilities, type PciCapability } from "./pci/capabilities.ts";
import {
  LegacyPciConfigRegion,
  type PciAddress,
  pciAddressName,
  type PciConfigRegion,
} from "./pci/config_access.ts";
import { intxLine, setUpRouting } from "./pci/routing.ts";
import { PciError } from "./virtio/error.ts";

const PAGE = 4096;
const NO_LINE = 255;

/** A PCI function. */
export class PciDevice {
  /** `00:02.0`. */
  readonly name: string;
  private knownBars: Bar[] | undefined;

  constructor(readonly address: PciAddress, private readonly config: PciConfigRegion) {
    this.name = pciAddressName(address);
  }
  /** Reads configuration space; offset and width in bytes. */
  read(offset: number, width: Width): number {
    return this.config.read(this.address, offset, width);
  }
  write(offset: number, width: Width, value: number): void {
    this.config.write(this.address, offset, width, value);
  }
  vendorId(): number {
    return this.read(PciCfg.VENDOR_ID, 2);
  }
  deviceId(): number {
    return this.read(PciCfg.DEVICE_ID, 2);
  }
  subsystemId(): number {
    return this.read(PciCfg.SUBSYSTEM_ID, 2);
  }
  /** Base class and subclass, as in `lspci -n`. */
  classCode(): number {
    return this.read(PciCfg.CLASS + 1, 1) | this.read(PciCfg.CLASS + 2, 1) << 8;
  }
  /** 0 for an ordinary function; bit 7 (several functions) removed. */
  headerType(): number {
    return this.read(PciCfg.HEADER_TYPE, 1) & 0x7f;
  }
  command(): number {
    return this.read(PciCfg.COMMAND, 2);
  }
  setCommand(value: number): void {
    this.write(PciCfg.COMMAND, 2, value);
  }
  /** Sets bits of COMMAND; the others stay. */
  enable(bits: number): void {
    this.setCommand(this.command() | bits);
  }
  capabilities(): PciCapability[] {
    return capabilities(this);
  }
  /** The BARs: sized once, then remembered. */
  bars(): readonly Bar[] {
    return this.knownBars ??= this.headerType() === 0 ? readBars(this) : [];
  }
  /** 1 (INTA) to 4 (INTD); 0 for a function without INTx. */
  interruptPin(): number {
    return this.read(PciCfg.INTERRUPT_PIN, 1);
  }
  /** The IOAPIC pin of the function's INTx, or undefined (none, or not connected). */
  interruptLine(): number | undefined {
    const pin = this.interruptPin();
    const line = this.read(PciCfg.INTERRUPT_LINE, 1);
    return pin < 1 || pin > 4 || line === NO_LINE ? undefined : line;
  }
  /**
   * Gives every BAR without address one, then decodes memory and lets the function be bus master. INTx stays silent until
   * somebody handles it: a line that a polled device holds up would drown the others on it.
   */
  assignBars(space: BarSpace): void {
    const bars = this.bars();
    if (bars.some((bar) => bar.address === 0)) {
      this.setCommand(this.command() & ~(PciCommand.IO | PciCommand.MEMORY));
      this.knownBars = bars.map((bar) =>
        bar.address !== 0 ? bar : writeBar(this, bar, space.allocate(bar, this.name))
      );
    }
    const io = bars.some((bar) => bar.kind === "io") ? PciCommand.IO : 0;
    this.enable(PciCommand.MEMORY | PciCommand.BUS_MASTER | PciCommand.INTX_DISABLE | io);
  }
}

/** Bus 0 as it was scanned: its functions, and the addresses that are free for BARs. */
export class PciBusScan {
  readonly bars = new BarSpace();
  private readonly mapped = new Set<number>();

  constructor(readonly devices: readonly PciDevice[], private readonly ctx: DriverContext) {}

  /** Maps a memory BAR (identity, each page once) and gives its registers. @throws {PciError} NoBar if unusable. */
  map(device: PciDevice, index: number): IoMemory {
    const bar = device.bars().find((b) => b.index === index);
    if (bar === undefined || bar.kind === "io" || bar.address === 0) {
      const found = bar === undefined
        ? "does not exist"
        : bar.kind === "io"
        ? "is I/O space"
        : "has no address";
      throw new PciError("NoBar", `${device.name}: BAR${index} ${found}, expected memory`);
    }
    const end = alignUp(bar.address + bar.size, PAGE);
    for (let page = alignDown(bar.address, PAGE); page < end; page += PAGE) {
      if (this.mapped.has(page)) continue;
      this.mapped.add(page);
      this.ctx.paging.identityMap(physAddr(page), PAGE);
    }
    return new IoMemory(this.ctx.platform, physAddr(bar.address), bar.size, `${device.name} BAR${index}`);
  }
}

/**
 * Finds the functions of bus 0 (other buses lie behind bridges, which are not driven) and does what firmware would have
 * done: INTx routing, INTERRUPT_LINE. BARs get addresses later, when a driver wants the device.
 */
export function scanBus(ctx: DriverContext): PciBusScan {
  const config = new LegacyPciConfigRegion(ctx.platform);
  setUpRouting(ctx.platform, config);
  const devices: PciDevice[] = [];
  for (let device = 0; device < 32; device++) {
    for (let fn = 0; fn < 8; fn++) {
      const candidate = new PciDevice({ bus: 0, device, function: fn }, config);
      const vendor = candidate.vendorId();
      if (vendor !== 0xffff && vendor !== 0) devices.push(candidate);
      // Functions 1 to 7 exist only if function 0 says so (PCI 3.0, 6.2.1).
      if (fn === 0 && (vendor === 0xffff || (candidate.read(PciCfg.HEADER_TYPE, 1) & 0x80) === 0)) break;
    }
  }
  const scan = new PciBusScan(devices, ctx);
  for (const device of devices) {
    for (const bar of device.bars()) if (bar.address !== 0) scan.bars.reserve(bar);
    const pin = device.interruptPin();
    if (device.headerType() !== 0 || pin < 1 || pin > 4) continue;
    const line = intxLine(ctx.platform.machine, device.address, pin);
    if (line !== undefined) device.write(PciCfg.INTERRUPT_LINE, 1, line);
  }
  return scan;
}

/** Lists the functions, one line each (Hermit's `print_information`). */
export function printInformation(devices: readonly PciDevice[], log: Log): void {
  const id = (n: number) => n.toString(16).toUpperCase().padStart(4, "0");
  log.info("");
  log.info("======================== PCI BUS INFORMATION =========================");
  for (const device of devices) {
    const { bus, device: slot } = device.address;
    const place = `${bus.toString(16).padStart(2, "0")}:${slot.toString(16).padStart(2, "0")}`.toUpperCase();
    const line = device.interruptLine();
    const bars = device.bars().map((bar) =>
      bar.kind === "io"
        ? `, BAR${bar.index} IO { port: ${hex(bar.address)} }`
        : `, BAR${bar.index} ${bar.kind === "memory64" ? "Memory64" : "Memory32"} { address: ${
          hex(bar.address)
        }, ` +
          `size: ${hex(bar.size)}, prefetchable: ${bar.prefetchable} }`
    );
    log.info(
      `${place} Unknown Class [${id(device.classCode())}]: Unknown Vendor Unknown Device ` +
        `[${id(device.vendorId())}:${id(device.deviceId())}]${line ? `, IRQ ${line}` : ""}${bars.join("")}`,
    );
  }
  log.info("=".repeat(70));
  log.info("");
}
