import { Msix, PCI_CONFIG_ADDRESS, PCI_CONFIG_DATA, PciCapId, PciCfg, PciStatus } from "../../spec/pci.ts";
import type { TraceSink } from "../../spec/trace.ts";
import { virtioIdName } from "../../spec/virtio/ids.ts";
import {
  CapCfgType,
  VIRTIO_PCI_MODERN_BASE,
  VIRTIO_PCI_VENDOR,
  VirtioPciCap as Cap,
} from "../../spec/virtio/pci.ts";

/** `out` and `in` of 32 bits that no trace sees. */
export interface QuietPorts {
  out(port: number, value: number): void;
  in(port: number): number;
}

const CONFIG_SIZE = 256;
const BARS = 6;

/**
 * Tells a trace what PCI functions a real QEMU has at power on, as the simulated machine does: by reading them, and BARs
 * also by their size. Nothing decodes yet, so nothing moves.
 */
export function introduceFunctions(ports: QuietPorts, trace: TraceSink): void {
  for (let dev = 0; dev < 32; dev++) {
    for (let func = 0; func < 8; func++) {
      const fn = new Function256(ports, dev << 3 | func);
      if (fn.read(0) >>> 0 === 0xffff_ffff) {
        if (func === 0) break;
        continue;
      }
      const config = fn.bytes();
      const mask = maskOf(fn, config);
      const bdf = `00:${dev.toString(16).padStart(2, "0")}.${func}`;
      trace.emit({
        ev: "pci_function",
        bdf,
        dev: nameOf(config, bdf),
        hex: config.toHex(),
        mask: mask.toHex(),
      });
      if (func === 0 && (config[PciCfg.HEADER_TYPE] & 0x80) === 0) break;
    }
  }
}

/** The 256 bytes of a function on bus 0. */
class Function256 {
  constructor(private readonly ports: QuietPorts, private readonly devfn: number) {}

  read(offset: number): number {
    this.select(offset);
    return this.ports.in(PCI_CONFIG_DATA);
  }
  write(offset: number, value: number): void {
    this.select(offset);
    this.ports.out(PCI_CONFIG_DATA, value >>> 0);
  }
  bytes(): Uint8Array {
    const bytes = new Uint8Array(CONFIG_SIZE);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < CONFIG_SIZE; at += 4) view.setUint32(at, this.read(at), true);
    return bytes;
  }
  private select(offset: number): void {
    this.ports.out(PCI_CONFIG_ADDRESS, (0x8000_0000 | this.devfn << 8 | offset) >>> 0);
  }
}

/** A 1 for each bit that software may write, as far as that matters to who follows the machine. */
function maskOf(fn: Function256, config: Uint8Array): Uint8Array {
  const mask = new Uint8Array(CONFIG_SIZE);
  const view = new DataView(mask.buffer);
  view.setUint16(PciCfg.COMMAND, 0x0547, true);
  mask[PciCfg.INTERRUPT_LINE] = 0xff;
  if ((config[PciCfg.HEADER_TYPE] & 0x7f) === 0) {
    for (let bar = 0; bar < BARS; bar++) {
      const at = PciCfg.BAR0 + 4 * bar, old = fn.read(at);
      fn.write(at, 0xffff_ffff);
      const sized = fn.read(at);
      fn.write(at, old);
      const upper = bar > 0 && (config[at - 4] & 7) === 4 && view.getUint32(at - 4, true) !== 0;
      view.setUint32(at, upper ? sized : sized & ((sized & 1) !== 0 ? ~3 : ~15), true);
    }
  }
  if ((config[PciCfg.STATUS] & PciStatus.CAP_LIST) === 0) return mask;
  for (let at = config[PciCfg.CAPABILITIES] & ~3, n = 0; at !== 0 && n < 48; at = config[at + 1] & ~3, n++) {
    if (config[at] === PciCapId.MSIX) mask[at + Msix.CONTROL + 1] = 0xc0;
    if (config[at] !== PciCapId.VENDOR || config[at + Cap.CFG_TYPE] !== CapCfgType.Pci) continue;
    mask[at + Cap.BAR] = 0xff;
    mask.fill(0xff, at + Cap.OFFSET, at + Cap.EXTRA + 4);
  }
  return mask;
}

/** `virtio-rng@00:03.0`; functions of others by their ids. */
function nameOf(config: Uint8Array, bdf: string): string {
  const u16 = (at: number) => config[at] | config[at + 1] << 8;
  const vendor = u16(PciCfg.VENDOR_ID), id = u16(PciCfg.DEVICE_ID);
  if (vendor !== VIRTIO_PCI_VENDOR) {
    return `pci-${vendor.toString(16).padStart(4, "0")}-${id.toString(16).padStart(4, "0")}@${bdf}`;
  }
  const virtioId = id >= VIRTIO_PCI_MODERN_BASE ? id - VIRTIO_PCI_MODERN_BASE : u16(PciCfg.SUBSYSTEM_ID);
  return `virtio-${virtioIdName(virtioId).toLowerCase()}@${bdf}`;
}
