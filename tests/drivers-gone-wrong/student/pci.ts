import type { PhysAddr } from "../../../arch/addresses.ts";
import type { Width } from "../../../arch/platform.ts";
import { PciCapId, PciCfg } from "../../../spec/pci.ts";
import {
  CapCfgType,
  CommonCfg as C,
  VIRTIO_PCI_MODERN_BASE,
  VIRTIO_PCI_VENDOR,
  VirtioPciCap as Cap,
} from "../../../spec/virtio/pci.ts";
import { DriverError } from "./ground.ts";
import { PciFunction } from "./pci_function.ts";
import { PciInterrupts } from "./pci_interrupts.ts";
import { type Areas, Transport } from "./transport.ts";

/** virtio over PCI (virtio 1.4, 4.1), modern interface. */
export class PciTransport extends Transport {
  override readonly kind = "pci";
  declare fn: PciFunction;
  declare interrupts: PciInterrupts;
  /** Guest-physical addresses of the structures. */
  common = 0;
  isr = 0;
  config = 0;
  notifyBase = 0;
  multiplier = 0;
  readonly notifyOff: number[] = [];

  override find(deviceId: number): void {
    for (let slot = 0; slot < 32; slot++) {
      const fn = this.functionAt(slot);
      if (!fn.exists || !this.matches(fn, deviceId)) continue;
      this.fn = fn;
      this.placeBars();
      this.readCapabilities();
      this.interrupts = this.makeInterrupts();
      return;
    }
    throw new DriverError(`no virtio device ${deviceId} on bus 0`);
  }
  functionAt(slot: number): PciFunction {
    return new PciFunction(this.ground.platform, slot);
  }
  matches(fn: PciFunction, deviceId: number): boolean {
    if (fn.read(PciCfg.VENDOR_ID, 2) !== VIRTIO_PCI_VENDOR) return false;
    const id = fn.read(PciCfg.DEVICE_ID, 2);
    return id < VIRTIO_PCI_MODERN_BASE
      ? fn.read(PciCfg.SUBSYSTEM_ID, 2) === deviceId
      : id === VIRTIO_PCI_MODERN_BASE + deviceId;
  }
  placeBars(): void {
    this.fn.placeBars();
  }
  makeInterrupts(): PciInterrupts {
    return new PciInterrupts(this);
  }

  /** The first usable structure of each kind (virtio 1.4, 4.1.4). */
  readCapabilities(): void {
    for (const at of this.fn.capabilities(PciCapId.VENDOR)) {
      const bar = this.fn.bars.get(this.fn.read(at + Cap.BAR, 1));
      if (bar === undefined) continue;
      const address = bar + this.fn.read(at + Cap.OFFSET, 4);
      switch (this.fn.read(at + Cap.CFG_TYPE, 1)) {
        case CapCfgType.Common:
          this.common ||= address;
          break;
        case CapCfgType.Notify:
          this.notifyBase ||= address;
          this.multiplier ||= this.fn.read(at + Cap.EXTRA, 4);
          break;
        case CapCfgType.Isr:
          this.isr ||= address;
          break;
        case CapCfgType.Device:
          this.config ||= address;
          break;
      }
    }
    if (this.common === 0 || this.notifyBase === 0) throw new DriverError("a structure is missing");
  }

  load(address: number, width: Width): number {
    return this.ground.platform.mmioRead(address as PhysAddr, width);
  }
  store(address: number, width: Width, value: number): void {
    this.ground.platform.mmioWrite(address as PhysAddr, width, value);
  }
  read(register: number, width: Width): number {
    return this.load(this.common + register, width);
  }
  write(register: number, width: Width, value: number): void {
    this.store(this.common + register, width, value);
  }

  override status(): number {
    return this.read(C.DEVICE_STATUS, 1);
  }
  override setStatus(value: number): void {
    this.write(C.DEVICE_STATUS, 1, value);
  }
  override offered(word: number): number {
    this.write(C.DEVICE_FEATURE_SELECT, 4, word);
    return this.read(C.DEVICE_FEATURE, 4);
  }
  override accept(word: number, value: number): void {
    this.write(C.DRIVER_FEATURE_SELECT, 4, word);
    this.write(C.DRIVER_FEATURE, 4, value);
  }
  override generation(): number {
    return this.read(C.CONFIG_GENERATION, 1);
  }
  override readConfig(offset: number, width: Width): number {
    return this.load(this.config + offset, width);
  }
  override writeConfig(offset: number, width: Width, value: number): void {
    this.store(this.config + offset, width, value);
  }

  override select(queue: number): void {
    this.write(C.QUEUE_SELECT, 2, queue);
  }
  override queueMax(): number {
    return this.read(C.QUEUE_SIZE, 2);
  }
  override setSize(size: number): void {
    this.write(C.QUEUE_SIZE, 2, size);
  }
  override setAddresses(areas: Areas): void {
    this.setAddress(C.QUEUE_DESC, areas.desc);
    this.setAddress(C.QUEUE_DRIVER, areas.driver);
    this.setAddress(C.QUEUE_DEVICE, areas.device);
  }
  setAddress(register: number, address: number): void {
    this.write(register, 4, address % 2 ** 32);
    this.write(register + 4, 4, Math.floor(address / 2 ** 32));
  }
  override assignVector(queue: number): void {
    this.interrupts.assign(queue);
  }
  override enableQueue(): void {
    this.write(C.QUEUE_ENABLE, 2, 1);
  }
  override resetQueue(): void {
    this.write(C.QUEUE_RESET, 2, 1);
    for (let tries = 0; this.read(C.QUEUE_RESET, 2) !== 0; tries++) {
      if (tries > 1000) throw new DriverError("the queue does not finish its reset");
      this.ground.platform.relax();
    }
  }

  override learnNotify(queue: number): void {
    this.notifyOff[queue] = this.read(C.QUEUE_NOTIFY_OFF, 2);
  }
  override notify(queue: number, value: number, width: Width): void {
    this.store(this.notifyAddress(queue), width, value);
  }
  notifyAddress(queue: number): number {
    return this.notifyBase + this.notifyOff[queue] * this.multiplier;
  }

  override openInterrupts(queues: number, handler: (isr: number) => void): void {
    this.interrupts.open(queues, handler);
  }
  override acknowledge(): number {
    return this.load(this.isr, 1);
  }
  override close(): void {
    this.interrupts.close();
  }
}
