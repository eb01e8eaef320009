import { Msix, PciCapId, PciCfg, PciCommand, PciStatus } from "../../../spec/pci.ts";
import { CapCfgType, VirtioPciCap } from "../../../spec/virtio/pci.ts";
import type { MachineState, PciState } from "../protocol.ts";
import { hex, size, u16, u32 } from "./numbers.ts";

export interface Bar {
  readonly index: number;
  readonly kind: "port" | "memory" | "memory, 64 bits";
  readonly prefetchable: boolean;
  /** 0: not placed yet. */
  readonly addr: number;
  readonly size: number;
}
export interface Capability {
  /** Offset in configuration space. */
  readonly at: number;
  readonly name: string;
  readonly text: string;
}
export interface PciFunction {
  readonly bdf: string;
  readonly dev: string;
  /** `1af4:1044`. */
  readonly ids: string;
  readonly kind: string;
  /** COMMAND bits that are set, by name. */
  readonly command: readonly string[];
  readonly interrupt: string;
  readonly bars: readonly Bar[];
  readonly capabilities: readonly Capability[];
}

/** Names of classes (PCI Code and ID Assignment), the ones that occur: by base class and subclass. */
const CLASSES: Readonly<Record<number, string>> = {
  0x0000: "unclassified",
  0x00ff: "entropy source or other",
  0x0106: "SATA controller",
  0x0200: "Ethernet controller",
  0x0300: "display controller",
  0x0600: "host bridge",
  0x0601: "ISA bridge",
  0x0604: "PCI bridge",
  0x0680: "bridge",
  0x0780: "communication controller",
  0x0c05: "SMBus controller",
};
const CFG_TYPES = new Map<number, string>([
  [CapCfgType.Common, "common configuration"],
  [CapCfgType.Notify, "notifications"],
  [CapCfgType.Isr, "interrupt status"],
  [CapCfgType.Device, "device configuration"],
  [CapCfgType.Pci, "access through configuration space"],
  [CapCfgType.SharedMemory, "shared memory"],
]);
const COMMANDS: readonly (readonly [string, number])[] = [
  ["ports", PciCommand.IO],
  ["memory", PciCommand.MEMORY],
  ["bus master", PciCommand.BUS_MASTER],
  ["no INTx", PciCommand.INTX_DISABLE],
];

/** All functions in the order of their addresses. */
export function pciFunctions(state: MachineState): PciFunction[] {
  return [...state.pci].sort((a, b) => a.bdf.localeCompare(b.bdf)).map(pciFunction);
}

function pciFunction({ bdf, dev, config, mask }: PciState): PciFunction {
  const code = u16(config, PciCfg.CLASS + 1);
  const command = u16(config, PciCfg.COMMAND);
  const pin = config[PciCfg.INTERRUPT_PIN];
  return {
    bdf,
    dev,
    ids: `${config.subarray(0, 2).toReversed().toHex()}:${config.subarray(2, 4).toReversed().toHex()}`,
    kind: CLASSES[code] ?? `class ${hex(code, 4)}`,
    command: COMMANDS.filter(([, bit]) => (command & bit) !== 0).map(([name]) => name),
    interrupt: pin === 0 ? "" : `INT${"?ABCD"[pin] ?? "?"}#, line ${config[PciCfg.INTERRUPT_LINE]}`,
    bars: bars(config, mask),
    capabilities: capabilities(config),
  };
}

/** The size of a BAR follows from the bits that can be written (PCI Local Bus 3.0, 6.2.5.1). */
function bars(config: Uint8Array, mask: Uint8Array): Bar[] {
  const found: Bar[] = [];
  const count = (config[PciCfg.HEADER_TYPE] & 0x7f) === 1 ? 2 : 6;
  for (let index = 0; index < count; index++) {
    const at = PciCfg.BAR0 + 4 * index;
    const low = u32(config, at), wide = (low & 7) === 4;
    const port = (low & 1) !== 0;
    const flags = port ? 3 : 15;
    let writable = BigInt((u32(mask, at) & ~flags) >>> 0);
    if (wide) writable |= BigInt(u32(mask, at + 4)) << 32n;
    const slot = index;
    if (wide) index++;
    if (writable === 0n) continue;
    const bytes = Number(writable & -writable);
    const addr = (low & ~flags) >>> 0;
    found.push({
      index: slot,
      kind: port ? "port" : wide ? "memory, 64 bits" : "memory",
      prefetchable: !port && (low & 8) !== 0,
      addr: wide ? u32(config, at + 4) * 2 ** 32 + addr : addr,
      size: bytes,
    });
  }
  return found;
}

function capabilities(config: Uint8Array): Capability[] {
  if ((u16(config, PciCfg.STATUS) & PciStatus.CAP_LIST) === 0) return [];
  const found: Capability[] = [];
  const seen = new Set<number>();
  for (let at = config[PciCfg.CAPABILITIES] & ~3; at >= 0x40 && !seen.has(at); at = config[at + 1] & ~3) {
    seen.add(at);
    found.push({ at, ...capability(config, at) });
  }
  return found;
}

function capability(config: Uint8Array, at: number): { name: string; text: string } {
  switch (config[at]) {
    case PciCapId.VENDOR: {
      if (u16(config, 0) !== 0x1af4 || at + VirtioPciCap.LENGTH + 4 > config.length) {
        return { name: "vendor", text: "" };
      }
      const type = config[at + VirtioPciCap.CFG_TYPE];
      const where = `BAR ${config[at + VirtioPciCap.BAR]} + ${hex(u32(config, at + VirtioPciCap.OFFSET))}, ` +
        size(u32(config, at + VirtioPciCap.LENGTH));
      const notify = type === CapCfgType.Notify
        ? `, ${u32(config, at + VirtioPciCap.EXTRA)} bytes apart`
        : "";
      return {
        name: "virtio",
        text: `${CFG_TYPES.get(type) ?? `type ${type}`}${
          type === CapCfgType.Pci ? "" : `: ${where}${notify}`
        }`,
      };
    }
    case PciCapId.MSIX: {
      const control = u16(config, at + Msix.CONTROL),
        table = u32(config, at + Msix.TABLE),
        pba = u32(config, at + Msix.PBA);
      const on = (control & Msix.ENABLE) !== 0
        ? (control & Msix.FUNCTION_MASK) !== 0 ? "on, masked" : "on"
        : "off";
      const place = (word: number) => `BAR ${word & 7} + ${hex((word & ~7) >>> 0)}`;
      return {
        name: "MSI-X",
        text: `${on}, ${(control & 0x7ff) + 1} vectors, table in ${place(table)}, pending bits in ${
          place(pba)
        }`,
      };
    }
    case PciCapId.MSI:
      return { name: "MSI", text: "" };
    case PciCapId.EXPRESS:
      return { name: "PCI Express", text: "" };
    case 1:
      return { name: "power management", text: "" };
    case 0x12:
      return { name: "SATA", text: "" };
  }
  return { name: `capability ${hex(config[at])}`, text: "" };
}
