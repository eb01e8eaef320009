import type { Width } from "../../../arch/platform.ts";
import { Avail, DESC_SIZE } from "../../../spec/mod.ts";
import { Area } from "./front.ts";
import type { PciFront } from "./pci.ts";
import { Ring } from "./ring.ts";

/** Ports of the legacy interface (virtio 1.4, 4.1.4.10). */
export const Port = {
  OFFERED: 0,
  FEATURES: 4,
  ADDRESS: 8,
  SIZE: 12,
  SELECT: 14,
  NOTIFY: 16,
  STATUS: 18,
  ISR: 19,
  /** While MSI-X is enabled; otherwise the configuration begins here. */
  CONFIG_VECTOR: 20,
  QUEUE_VECTOR: 22,
} as const;
/** Unit of addresses, and where the used ring begins. */
export const PAGE = 4096;

/** The port window of a transitional device: what a driver of before virtio 1.0 knows of it. */
export class LegacyPorts {
  constructor(readonly front: PciFront) {}

  in(at: number, width: Width): number {
    return this.front.world.platform.portRead(this.front.bases.legacy + at, width);
  }
  out(at: number, width: Width, value: number): void {
    this.front.world.platform.portWrite(this.front.bases.legacy + at, width, value);
  }
  get status(): number {
    return this.in(Port.STATUS, 1);
  }
  set status(value: number) {
    this.out(Port.STATUS, 1, value);
  }
  /** Reset, and on to the features. */
  begin(features = 0): this {
    for (const status of [0, 1, 3]) this.status = status;
    this.out(Port.FEATURES, 4, features);
    return this;
  }
  /** Gives the device a queue of its own size; `size`: what the driver takes for it. */
  place(
    index: number,
    size = this.sizeOf(index),
    at: number = Area.QUEUES + index * Area.QUEUE_STRIDE,
  ): Ring {
    const driver = at + DESC_SIZE * size;
    const device = Math.ceil((driver + Avail.RING + 2 * size) / PAGE) * PAGE;
    this.out(Port.SELECT, 2, index);
    this.out(Port.ADDRESS, 4, at / PAGE);
    return new Ring(this.front, false, index, size, { desc: at, driver, device });
  }
  sizeOf(index: number): number {
    this.out(Port.SELECT, 2, index);
    return this.in(Port.SIZE, 2);
  }
  /** Notifies and lets the device act. */
  kick(index: number): void {
    this.out(Port.NOTIFY, 2, index);
    this.front.run();
  }
  /** Each register at its own width, but for the interrupt status. */
  registers(): number[] {
    const { OFFERED, FEATURES, ADDRESS, SIZE, SELECT, STATUS } = Port;
    return [
      ...[OFFERED, FEATURES, ADDRESS].map((at) => this.in(at, 4)),
      ...[SIZE, SELECT].map((at) => this.in(at, 2)),
      this.in(STATUS, 1),
    ];
  }
}
