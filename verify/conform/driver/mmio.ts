import type { Width } from "../../../arch/platform.ts";
import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import type { World } from "../world.ts";
import { Front, type QueueSetUp } from "./front.ts";

/** Where microvm's transports are. */
export const MMIO_BASE = 0xfeb0_0000;
export const MMIO_STRIDE = 0x200;

/** The driver of a virtio-mmio transport. */
export class MmioFront extends Front {
  override readonly kind = "mmio";
  readonly base: number;

  constructor(world: World, readonly slot: number) {
    super(world);
    this.base = MMIO_BASE + slot * MMIO_STRIDE;
  }

  /** The driver of the lowest transport that has a device. */
  static find(world: World): MmioFront {
    for (let slot = 0; slot < 24; slot++) {
      const front = new MmioFront(world, slot);
      if (front.read(R.DEVICE_ID) !== 0) return front;
    }
    throw new Error("no virtio-mmio transport has a device");
  }

  override read(offset: number, width: Width = 4): number {
    return this.load(this.base + offset, width);
  }
  override write(offset: number, value: number, width: Width = 4): void {
    this.store(this.base + offset, width, value);
  }
  override get status(): number {
    return this.read(R.STATUS);
  }
  override set status(value: number) {
    this.write(R.STATUS, value);
  }
  override takeIsr(): number {
    const isr = this.read(R.INTERRUPT_STATUS);
    this.write(R.INTERRUPT_ACK, isr);
    return isr;
  }
  override get generation(): number {
    return this.read(R.CONFIG_GENERATION);
  }
  override offered(i: number): number {
    this.write(R.DEVICE_FEATURES_SEL, i);
    return this.read(R.DEVICE_FEATURES);
  }
  override accept(i: number, word: number): void {
    this.write(R.DRIVER_FEATURES_SEL, i);
    this.write(R.DRIVER_FEATURES, word);
  }
  override select(queue: number): void {
    this.write(R.QUEUE_SEL, queue);
  }
  override setQueue(queue: QueueSetUp, enable = true): void {
    this.select(queue.index);
    this.write(R.QUEUE_NUM, queue.size);
    for (
      const [at, address] of [[R.QUEUE_DESC_LOW, queue.desc], [R.QUEUE_DRIVER_LOW, queue.driver], [
        R.QUEUE_DEVICE_LOW,
        queue.device,
      ]]
    ) {
      this.write(at, address % 2 ** 32);
      this.write(at + 4, Math.floor(address / 2 ** 32));
    }
    if (enable) this.write(R.QUEUE_READY, 1);
  }
  override kick(queue: number): void {
    this.write(R.QUEUE_NOTIFY, queue);
  }
  override config(offset: number, width: Width = 4): number {
    return this.read(R.CONFIG + offset, width);
  }
  override setConfig(offset: number, value: number, width: Width = 4): void {
    this.write(R.CONFIG + offset, value, width);
  }

  protected override rewindDevice(): void {
    this.status = 0;
    this.accept(1, 0);
    this.accept(0, 0);
    this.write(R.DEVICE_FEATURES_SEL, 0);
    this.write(R.INTERRUPT_ACK, 3);
  }
}
