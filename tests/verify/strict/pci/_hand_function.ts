/** A PCI function that is nothing but a test's word for it: for capabilities that no device here has. */
import { PciCapId, PciCfg, PciCommand, PciStatus } from "../../../../spec/pci.ts";
import {
  VIRTIO_PCI_MODERN_BASE,
  VIRTIO_PCI_VENDOR,
  VirtioPciCap as Cap,
} from "../../../../spec/virtio/pci.ts";
import { LiveMemory, type Rule, Strict } from "../../../../verify/strict/mod.ts";

/** A virtio capability. Offset and length in bytes. */
export interface HandCapability {
  readonly type: number;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  readonly multiplier?: number;
}

/** BAR 0 has ports, BAR 4 (64 bits) 32 KiB of memory. */
const PORTS = 0xc001, MEMORY = 0xe000_0000;
const BDF = "00:05.0";

export class HandFunction {
  readonly strict: Strict;
  /** Where each capability begins. */
  readonly places: number[] = [];

  constructor(rules: readonly Rule[], caps: readonly HandCapability[]) {
    this.strict = new Strict({ rules, platform: "simulated", memory: new LiveMemory(() => []) });
    const config = new DataView(new ArrayBuffer(256)), mask = new DataView(new ArrayBuffer(256));
    config.setUint16(PciCfg.VENDOR_ID, VIRTIO_PCI_VENDOR, true);
    config.setUint16(PciCfg.DEVICE_ID, VIRTIO_PCI_MODERN_BASE + 4, true);
    config.setUint16(PciCfg.COMMAND, PciCommand.IO | PciCommand.MEMORY | PciCommand.BUS_MASTER, true);
    config.setUint16(PciCfg.STATUS, PciStatus.CAP_LIST, true);
    config.setUint32(PciCfg.BAR0, PORTS, true);
    mask.setUint32(PciCfg.BAR0, 0xffff_ff00, true);
    config.setUint32(PciCfg.BAR0 + 16, MEMORY | 4, true);
    mask.setUint32(PciCfg.BAR0 + 16, 0xffff_8000, true);
    let link: number = PciCfg.CAPABILITIES, at = 0x40;
    for (const cap of caps) {
      config.setUint8(link, at);
      link = at + Cap.CAP_NEXT;
      config.setUint8(at, PciCapId.VENDOR);
      config.setUint8(at + Cap.CAP_LEN, 20);
      config.setUint8(at + Cap.CFG_TYPE, cap.type);
      config.setUint8(at + Cap.BAR, cap.bar);
      config.setUint32(at + Cap.OFFSET, cap.offset, true);
      config.setUint32(at + Cap.LENGTH, cap.length, true);
      config.setUint32(at + Cap.EXTRA, cap.multiplier ?? 0, true);
      this.places.push(at);
      at += 20;
    }
    const hex = (view: DataView) => new Uint8Array(view.buffer).toHex();
    this.strict.emit({ ev: "machine", machine: "q35", memory: 0, commandLine: "" });
    this.strict.emit({ ev: "pci_function", bdf: BDF, dev: "hand", hex: hex(config), mask: hex(mask) });
  }
  /** The driver reads a byte of configuration space. */
  reads(offset: number): void {
    const value = this.strict.model.functions.get(BDF)!.config[offset];
    this.strict.emit({ ev: "pci_cfg_read", bdf: BDF, offset, width: 1, value });
  }
  /** The driver writes in BAR 4, or reads. */
  writes(offset: number, width: number, value: number): void {
    this.strict.emit({ ev: "mmio_write", addr: (MEMORY + offset) >>> 0, width, value });
  }
  gets(offset: number, width: number, value: number): void {
    this.strict.emit({ ev: "mmio_read", addr: (MEMORY + offset) >>> 0, width, value });
  }
  found(): string[] {
    this.strict.end("ended");
    return this.strict.reports.map((r) => `${r.level} ${r.rule}: ${r.found}; expected ${r.expected}`);
  }
}
