import type { AddressSpace, Mapping } from "../bus.ts";
import { PciBus } from "../pci/mod.ts";
import { type Board, type BoardContext, IO_APIC_PCI_PINS } from "./board.ts";
import { ChipsetFunction, touches } from "./chipset.ts";
import { CONFIG_PORTS, ConfigPorts, Ecam } from "./pci_host.ts";
import { PirqRouter } from "./pirq.ts";
import { MEMORY_REGISTERS, MEMORY_WRITABLE, memoryWritten } from "./q35_memory.ts";
import { RESET_CONTROL_PORT, ResetControl } from "./reset_control.ts";
import type { TraceSink } from "../../spec/trace.ts";
import { onOff } from "./props.ts";

const PCIEXBAR = 0x60;
const GEN_PMCON_1 = 0xa0, SMI_LOCK = 0x10;
/** PIRQ[A-D] at 0x60, PIRQ[E-H] at 0x68: bit 7 off, low bits an ISA interrupt (ICH9 datasheet, 13.1.17). */
const PIRQ_ROUTE = [0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6a, 0x6b];
/**
 * Bytes of ECAM by PCIEXBAR's length field (256, 128 or 64 buses), and the bits below 4 GiB that are its base. The datasheet
 * has bits 27 and 26 for the shorter ones; QEMU takes 26 and 25, and so do we.
 */
const ECAM_SIZES = [0x1000_0000, 0x800_0000, 0x400_0000];
const ECAM_BASES = [0xf000_0000, 0xf600_0000, 0xf200_0000];

/**
 * Which PIRQ line INTA to INTD of a slot goes to: slots 0 to 24 go round E to H, 25 to 31 take A to D in order as the
 * ICH9's own device registers say after reset, 30 takes E to H (QEMU's ich9_cc_init; seen over qtest).
 */
export function q35Pirq(slot: number, intx: number): number {
  if (slot < 25) return (slot + intx) % 4 + 4;
  return slot === 30 ? intx + 4 : intx;
}

/**
 * `-machine q35`: MCH host bridge at 0:0.0 with ECAM, ICH9 at 0:1f (LPC, AHCI, SMBus), PIRQ lines A to H at pins 16 to 23.
 */
export function q35(ctx: BoardContext): Board {
  const bus = new PciBus(ctx.pciMemory, ctx.pciPorts, ctx.trace);
  const pirqs = new PirqRouter(8, q35Pirq, (pirq) => {
    ctx.ioapic.setPin(IO_APIC_PCI_PINS + pirq, pirqs.level(pirq));
    routeIsa(pirq);
  });
  const ecam = new EcamWindow(ctx.memory, bus, ctx.trace);
  const mch = new ChipsetFunction("mch", {
    vendor: 0x8086,
    device: 0x29c0,
    revision: 0,
    classCode: 0x06_0000,
  }, {
    registers: [[PCIEXBAR, 0xb000_0000], ...MEMORY_REGISTERS],
    writable: MEMORY_WRITABLE,
    onWrite: (fn, offset, width) => {
      memoryWritten(fn, offset, width);
      if (touches(offset, width, PCIEXBAR, 8)) ecam.update(fn.register(PCIEXBAR), fn.register(PCIEXBAR + 4));
    },
  });
  const lpc = new ChipsetFunction("ICH9-LPC", lpcIds, {
    registers: [[0x40, 1], [0x60, 0x8080_8080], [0x68, 0x8080_8080]],
    writable: [[0x40, 0xff87]],
    onWrite: (fn, offset, width) => {
      // GEN_PMCON_1: the lock of SMI_EN stays once it is set.
      if (fn.config[GEN_PMCON_1] & SMI_LOCK) fn.writeMask[GEN_PMCON_1] &= ~SMI_LOCK;
      if (touches(offset, width, 0x60, 12)) { for (let i = 0; i < 8; i++) routeIsa(i); }
    },
  });
  // The same line also reaches an ISA interrupt where the guest routed it to one.
  const routeIsa = (pirq: number) => {
    const route = lpc.config[PIRQ_ROUTE[pirq]];
    if ((route & 0x80) !== 0) return;
    const irq = route & 0xf;
    const level = PIRQ_ROUTE.some((at, i) => (lpc.config[at] & 0x8f) === irq && pirqs.level(i));
    ctx.ioapic.setPin(irq, level);
  };
  bus.add(mch, 0);
  bus.add(lpc, 31, 0);
  const has = (name: string) => onOff(name, ctx.desc.machineProps[name] ?? "on", true) !== false;
  if (has("sata")) bus.add(new ChipsetFunction("ich9-ahci", ahciIds, ahciConfig), 31, 2);
  if (has("smbus")) bus.add(new ChipsetFunction("ICH9-SMB", smbIds, smbConfig), 31, 3);
  ctx.ports.map(CONFIG_PORTS.base, CONFIG_PORTS.size, new ConfigPorts(bus, ctx.trace));
  ctx.ports.map(RESET_CONTROL_PORT, 1, new ResetControl(0x0a, true));
  return {
    pci: {
      bus,
      name: "pcie.0",
      intx: (slot) => pirqs.line(slot),
      firstSlot: 1,
      defaultDevices: ["VGA", "e1000e"],
    },
    commandLine: () => ctx.desc.append,
    mmioSlots: [],
  };
}

/** The ECAM window, which follows PCIEXBAR: bit 0 on, bits 2:1 the length. */
class EcamWindow {
  private mapping: Mapping | undefined;
  constructor(
    private readonly memory: AddressSpace,
    private readonly bus: PciBus,
    private readonly trace: TraceSink,
  ) {}

  update(low: number, high: number): void {
    this.mapping?.remove();
    this.mapping = undefined;
    const size = ECAM_SIZES[(low >>> 1) & 3];
    if ((low & 1) === 0 || size === undefined) return;
    const base = (high & 0xf) * 2 ** 32 + ((low & ECAM_BASES[(low >>> 1) & 3]) >>> 0);
    this.mapping = this.memory.map(base, size, new Ecam(this.bus, this.trace));
  }
}

const MULTIFUNCTION = 0x80;
const lpcIds = {
  vendor: 0x8086,
  device: 0x2918,
  revision: 2,
  classCode: 0x06_0100,
  headerType: MULTIFUNCTION,
};
const ahciIds = {
  vendor: 0x8086,
  device: 0x2922,
  revision: 2,
  classCode: 0x01_0601,
  headerType: MULTIFUNCTION,
  interruptPin: 1,
};
const ahciConfig = {
  registers: [[0x04, 0x0010_0000], [0x20, 1], [0x34, 0x80], [0x80, 0x0080_a805], [0x90, 0x40], [
    0xa8,
    0x0010_0012,
  ], [
    0xac,
    0x48,
  ]],
  writable: [[0x20, 0xffff_ffe0], [0x24, 0xffff_f000], [0x80, 0x0001_0000], [0x84, 0xffff_fffc], [0xa8, 0], [
    0xac,
    0,
  ]],
} as const;
const smbIds = {
  vendor: 0x8086,
  device: 0x2930,
  revision: 2,
  classCode: 0x0c_0500,
  headerType: MULTIFUNCTION,
  interruptPin: 1,
};
const smbConfig = { registers: [[0x20, 1]], writable: [[0x20, 0xffff_ffc0], [0x40, 0xffff_fff7]] } as const;
