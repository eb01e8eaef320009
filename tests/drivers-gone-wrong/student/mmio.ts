import type { PhysAddr } from "../../../arch/addresses.ts";
import type { Width } from "../../../arch/platform.ts";
import { MMIO_MAGIC, MMIO_VERSION, MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { DriverError } from "./ground.ts";
import { type Areas, Transport } from "./transport.ts";

/** QEMU's microvm: eight windows with lines from 5 without ACPI, 24 with lines from 24 (the second IOAPIC) with it. */
const BASE = 0xfeb0_0000, STRIDE = 0x200;

/** virtio over MMIO, version 2 (virtio 1.4, 4.2). */
export class MmioTransport extends Transport {
  override readonly kind = "mmio";
  base = 0;
  slot = 0;

  override find(deviceId: number): void {
    for (let slot = 0; slot < this.slots(); slot++) {
      this.slot = slot;
      this.base = BASE + STRIDE * slot;
      if (this.matches(deviceId)) return;
    }
    throw new DriverError(`no virtio device ${deviceId} in the windows`);
  }
  slots(): number {
    return this.ground.interrupts.lineCount > 24 ? 24 : 8;
  }
  /** Magic and version first, then the device id; 0 is an empty window (virtio 1.4, 4.2.3.1.1). */
  matches(deviceId: number): boolean {
    if (this.read(R.MAGIC_VALUE) !== MMIO_MAGIC) return false;
    if (this.read(R.VERSION) !== MMIO_VERSION) return false;
    return this.read(R.DEVICE_ID) === deviceId;
  }

  read(register: number, width: Width = 4): number {
    return this.ground.platform.mmioRead((this.base + register) as PhysAddr, width);
  }
  write(register: number, value: number, width: Width = 4): void {
    this.ground.platform.mmioWrite((this.base + register) as PhysAddr, width, value);
  }

  override status(): number {
    return this.read(R.STATUS);
  }
  override setStatus(value: number): void {
    this.write(R.STATUS, value);
  }
  override offered(word: number): number {
    this.write(R.DEVICE_FEATURES_SEL, word);
    return this.read(R.DEVICE_FEATURES);
  }
  override accept(word: number, value: number): void {
    this.write(R.DRIVER_FEATURES_SEL, word);
    this.write(R.DRIVER_FEATURES, value);
  }
  override generation(): number {
    return this.read(R.CONFIG_GENERATION);
  }
  override readConfig(offset: number, width: Width): number {
    return this.read(R.CONFIG + offset, width);
  }
  override writeConfig(offset: number, width: Width, value: number): void {
    this.write(R.CONFIG + offset, value, width);
  }

  override select(queue: number): void {
    this.write(R.QUEUE_SEL, queue);
  }
  override queueMax(): number {
    return this.read(R.QUEUE_NUM_MAX);
  }
  override setSize(size: number): void {
    this.write(R.QUEUE_NUM, size);
  }
  override setAddresses(areas: Areas): void {
    this.setAddress(R.QUEUE_DESC_LOW, areas.desc);
    this.setAddress(R.QUEUE_DRIVER_LOW, areas.driver);
    this.setAddress(R.QUEUE_DEVICE_LOW, areas.device);
  }
  setAddress(register: number, address: number): void {
    this.write(register, address % 2 ** 32);
    this.write(register + 4, Math.floor(address / 2 ** 32));
  }
  override assignVector(): void {}
  override enableQueue(): void {
    this.write(R.QUEUE_READY, 1);
  }
  override resetQueue(): void {
    this.write(R.QUEUE_RESET, 1);
    for (let tries = 0; this.read(R.QUEUE_RESET) !== 0; tries++) {
      if (tries > 1000) throw new DriverError("the queue does not finish its reset");
      this.ground.platform.relax();
    }
  }

  override learnNotify(): void {}
  override notify(_queue: number, value: number): void {
    this.write(R.QUEUE_NOTIFY, value);
  }

  override openInterrupts(_queues: number, handler: (isr: number) => void): void {
    if (this.interruptKind !== "line") return;
    const mode = { trigger: "level", polarity: "high" } as const;
    this.ground.interrupts.installLine(this.line(), mode, "student", () => {
      const isr = this.acknowledge();
      if (isr !== 0) handler(isr);
      return isr !== 0;
    });
  }
  line(): number {
    return (this.slots() === 24 ? 24 : 5) + this.slot;
  }
  override acknowledge(): number {
    const isr = this.read(R.INTERRUPT_STATUS);
    if (isr !== 0) this.write(R.INTERRUPT_ACK, isr);
    return isr;
  }
  override close(): void {}
}
