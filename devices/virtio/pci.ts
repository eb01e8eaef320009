import type { IoHandler } from "../bus.ts";
import { F } from "../../spec/virtio/features.ts";
import { PciCapId, PciCfg, PciCommand } from "../../spec/pci.ts";
import {
  CapCfgType,
  NO_VECTOR,
  VIRTIO_PCI_MODERN_BASE,
  VIRTIO_PCI_VENDOR,
  VirtioPciCap as Cap,
} from "../../spec/virtio/pci.ts";
import { PciFunction } from "../pci/function.ts";
import { readAligned, writeAligned } from "./aligned.ts";
import { MAX_QUEUES, type VirtioDevice, type VirtioFrontEnd } from "./device.ts";
import { CommonConfig } from "./pci_common.ts";
import { type LegacyHost, LegacyWindow } from "./pci_legacy.ts";

/** Subsystem id of modern devices (QEMU's PCI_SUBDEVICE_ID_QEMU). */
const SUBSYSTEM_QEMU = 0x1100;
/** Offsets of the structures in BAR 4. */
const REGION = { Common: 0, Isr: 0x1000, Device: 0x2000, Notify: 0x3000 } as const;
const REGION_SIZE = 0x1000;
const BAR = { Legacy: 0, Msix: 1, Modern: 4 } as const;

/** How a device sits on PCI; QEMU's properties. */
export interface VirtioPciOptions {
  /** Device id of the transitional device (0x1005 for entropy); modern ones get theirs from the virtio id. */
  readonly transitionalId: number;
  readonly classCode: number;
  readonly modern: boolean;
  readonly legacy: boolean;
  /** MSI-X vectors; 0 for none. */
  readonly vectors: number;
  /** A page of BAR 4 for each queue's notifications, instead of 4 bytes. */
  readonly pagePerVq: boolean;
  readonly multifunction?: boolean;
}

/**
 * A virtio device on PCI (virtio 1.4, 4.1), with QEMU 7.2's layout: legacy ports in BAR 0, MSI-X in BAR 1, and in BAR 4
 * common configuration, ISR, device configuration and notifications.
 */
export class VirtioPci extends PciFunction implements IoHandler, VirtioFrontEnd {
  private readonly common: CommonConfig;
  private readonly notifyMultiplier: number;
  /** Offset of the pci_cfg capability; 0 without one. */
  private pciCfgCap = 0;
  readonly legacyWindow: LegacyWindow | undefined;

  constructor(readonly device: VirtioDevice, readonly options: VirtioPciOptions) {
    super(device.name, {
      vendor: VIRTIO_PCI_VENDOR,
      device: options.legacy ? options.transitionalId : VIRTIO_PCI_MODERN_BASE + device.id,
      revision: options.legacy ? 0 : 1,
      classCode: options.classCode,
      subsystemVendor: VIRTIO_PCI_VENDOR,
      subsystem: options.legacy ? device.id : SUBSYSTEM_QEMU,
      interruptPin: 1,
      headerType: options.multifunction ? 0x80 : 0,
    });
    device.frontEnd = this;
    if (options.modern) device.hostFeatures |= F.VERSION_1;
    // Legacy drivers that accept everything are caught by this bit; modern ones never see it.
    device.hostFeatures |= 1n << 30n;
    this.common = new CommonConfig(device, {
      vectors: options.vectors,
      useVector: (v) => this.msix?.use(v),
      unuseVector: (v) => this.msix?.unuse(v),
      resetDevice: () => this.resetDevice(),
    });
    this.notifyMultiplier = options.pagePerVq ? 0x1000 : 4;
    if (options.modern) this.addModern();
    if (options.vectors > 0) {
      this.addMsix(BAR.Msix, options.vectors, (address, data) => this.sendMsi(address, data));
    }
    if (options.legacy) {
      const header = options.vectors > 0 ? 24 : 20;
      const size = 2 ** Math.ceil(Math.log2(header + device.config.length));
      this.legacyWindow = new LegacyWindow(`${device.name} legacy`, device, this.common, this.legacyHost());
      this.addBar(BAR.Legacy, "io", size, false, this.legacyWindow);
    }
  }

  /** The device's interrupt: a message if the driver enabled MSI-X, otherwise the pin shows ISR bit 0 (as QEMU). */
  interrupt(vector: number): void {
    if (this.device.broken || this.device.disabled) return;
    if (this.msix?.enabled) {
      if (vector !== NO_VECTOR) this.msix.notify(vector);
    } else this.setIntx((this.device.isr & 1) !== 0);
  }

  override reset(): void {
    this.resetDevice();
    this.common.powerOn();
    super.reset();
  }

  // Configuration space: bus mastering, and the window into BAR 4 (virtio 1.4, 4.1.4.9).

  override configRead(offset: number, width: number): number {
    if (this.touchesPciCfgData(offset, width)) {
      const { at, length } = this.pciCfgTarget();
      if (length !== 0) {
        const value = this.read(at, length);
        for (let i = 0; i < length; i++) this.config[this.pciCfgCap + Cap.EXTRA + i] = value >>> (8 * i);
      }
    }
    return super.configRead(offset, width);
  }
  override configWrite(offset: number, width: number, value: number): void {
    const before = this.windows();
    const wasMaster = this.busMaster;
    super.configWrite(offset, width, value);
    // Each window that goes or comes is a new layout of memory, in which QEMU's devices look for their rings again.
    this.windows().forEach((at, i) => {
      if (at === before[i]) return;
      if (before[i] !== undefined) this.device.findRings();
      if (at !== undefined) this.device.findRings();
    });
    if (this.busMaster !== wasMaster) this.device.findRings();
    if (offset <= PciCfg.COMMAND && offset + width > PciCfg.COMMAND) this.device.setBusMaster(this.busMaster);
    if (this.touchesPciCfgData(offset, width)) {
      const { at, length } = this.pciCfgTarget();
      const data = this.pciCfgCap + Cap.EXTRA;
      if (length !== 0) this.write(at, length, super.configRead(data, length));
    }
  }

  // BAR 4.

  read(offset: number, width: number): number {
    return readAligned(offset, width, this.readRegister);
  }
  write(offset: number, width: number, value: number): void {
    writeAligned(offset, width, value, this.writeRegister);
  }
  private readonly readRegister = (offset: number, width: number): number => {
    const at = offset & (REGION_SIZE - 1);
    switch (offset - at) {
      case REGION.Common:
        return this.common.read(at) % 2 ** (8 * width);
      case REGION.Isr:
        return this.readIsr();
      case REGION.Device:
        return this.device.configRead(at, width);
      default:
        return 0;
    }
  };
  private readonly writeRegister = (offset: number, width: number, value: number): void => {
    const at = offset & (REGION_SIZE - 1);
    if (offset >= REGION.Notify) {
      // The address says which queue; the value is for those who negotiated NOTIFICATION_DATA, and for the trace.
      return this.notify(Math.floor((offset - REGION.Notify) / this.notifyMultiplier), value);
    }
    if (offset - at === REGION.Common) this.common.write(at, value);
    else if (offset - at === REGION.Device) this.device.configWrite(at, width, value);
  };
  regName(offset: number): string | undefined {
    const at = offset & (REGION_SIZE - 1);
    if (offset >= REGION.Notify) {
      return `notify[${Math.floor((offset - REGION.Notify) / this.notifyMultiplier)}]`;
    }
    if (offset - at === REGION.Common) return this.common.regName(at);
    return offset - at === REGION.Isr ? "isr" : `config+${at}`;
  }

  private windows(): (number | undefined)[] {
    return this.bars.map((bar) => bar.address);
  }
  private notify(queue: number, data: number): void {
    if (queue >= MAX_QUEUES) return;
    const { trace } = this.device.ctx;
    if (trace.on) trace.emit({ ev: "notify", dev: this.name, queue, data });
    this.device.notifyQueue(queue);
  }
  private readIsr(): number {
    const isr = this.device.isr;
    this.device.isr = 0;
    this.setIntx(false);
    return isr;
  }
  private resetDevice(): void {
    this.device.reset();
    this.common.reset();
    this.msix?.unuseAll();
  }
  private legacyHost(): LegacyHost {
    return {
      msixEnabled: () => this.msix?.enabled ?? false,
      readIsr: () => this.readIsr(),
      notify: (queue, data) => this.notify(queue, data),
      resetDevice: () => this.resetDevice(),
      becomeMaster: () => this.becomeMaster(),
    };
  }
  /** As QEMU does it: behind the back of a device that was stopped by losing the bus, which stays stopped. */
  private becomeMaster(): void {
    if (this.busMaster) return;
    super.configWrite(PciCfg.COMMAND, 1, this.command | PciCommand.BUS_MASTER);
    this.device.findRings();
  }
  private sendMsi(address: number, data: number): void {
    // The message is a memory write of this function: without bus mastering it goes nowhere.
    if (this.busMaster) this.device.ctx.sendMsi(address, data, this.name);
  }

  private addModern(): void {
    const notifySize = this.notifyMultiplier * MAX_QUEUES;
    const size = 2 ** Math.ceil(Math.log2(REGION.Notify + notifySize));
    this.addBar(BAR.Modern, "mem64", size, true, this);
    this.addVirtioCap(CapCfgType.Common, REGION.Common, REGION_SIZE);
    this.addVirtioCap(CapCfgType.Isr, REGION.Isr, REGION_SIZE);
    this.addVirtioCap(CapCfgType.Device, REGION.Device, REGION_SIZE);
    this.addVirtioCap(CapCfgType.Notify, REGION.Notify, notifySize, this.notifyMultiplier);
    // bar, offset, length and data of the window are for the driver to write.
    this.pciCfgCap = this.addCapability(PciCapId.VENDOR, virtioCap(20, CapCfgType.Pci, 0, 0, 0, 0), [
      [Cap.BAR, 1],
      [Cap.OFFSET, 4],
      [Cap.LENGTH, 4],
      [Cap.EXTRA, 4],
    ]);
  }
  private addVirtioCap(type: number, offset: number, length: number, extra?: number): void {
    const bytes = extra === undefined ? 16 : 20;
    this.addCapability(PciCapId.VENDOR, virtioCap(bytes, type, BAR.Modern, offset, length, extra ?? 0));
  }
  private touchesPciCfgData(offset: number, width: number): boolean {
    const data = this.pciCfgCap + Cap.EXTRA;
    return this.pciCfgCap !== 0 && offset < data + 4 && offset + width > data;
  }
  /** Where the window points; length 0 when it points nowhere. QEMU does not look at `bar`. */
  private pciCfgTarget(): { at: number; length: number } {
    const offset = this.view.getUint32(this.pciCfgCap + Cap.OFFSET, true);
    const length = this.view.getUint32(this.pciCfgCap + Cap.LENGTH, true);
    if (length !== 1 && length !== 2 && length !== 4) return { at: 0, length: 0 };
    const at = (offset & ~(length - 1)) >>> 0;
    return at + length <= REGION.Notify + this.notifyMultiplier * MAX_QUEUES
      ? { at, length }
      : { at: 0, length: 0 };
  }
}

/** Bytes of a virtio capability from cap_len on (virtio 1.4, 4.1.4). */
function virtioCap(
  bytes: number,
  type: number,
  bar: number,
  offset: number,
  length: number,
  extra: number,
): number[] {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint8(Cap.CAP_LEN, bytes);
  view.setUint8(Cap.CFG_TYPE, type);
  view.setUint8(Cap.BAR, bar);
  view.setUint32(Cap.OFFSET, offset, true);
  view.setUint32(Cap.LENGTH, length, true);
  view.setUint32(Cap.EXTRA, extra, true);
  return [...new Uint8Array(view.buffer, 2, bytes - 2)];
}
