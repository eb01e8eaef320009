import { LegacyMmioReg as R, MmioReg } from "../../spec/virtio/mmio.ts";
import type { VirtioDevice } from "./device.ts";
import { LEGACY_ALIGN, placeLegacyQueue } from "./legacy_ring.ts";

/** The queue registers of a version 1 transport (virtio 1.4, 4.2.4), as QEMU 7.2's. */
export class LegacyMmioQueues {
  /** Of GuestPageSize, the unit of QueuePFN. */
  private pageShift = 0;
  /** QueueAlign of queues for which it was written; outlives a reset by status 0. */
  private readonly aligns = new Map<number, number>();

  constructor(private readonly device: VirtioDevice) {}

  /** Power on; the alignments stay all the same. */
  reset(): void {
    this.pageShift = 0;
  }
  /** QueuePFN. */
  get page(): number {
    return Math.floor((this.device.queues[this.device.queueSelect]?.desc ?? 0) / 2 ** this.pageShift) >>> 0;
  }
  /** Takes a register of version 1. */
  write(offset: number, value: number): void {
    const d = this.device;
    switch (offset) {
      case R.GUEST_PAGE_SIZE:
        // The lowest bit that is set; none counts as pages of one byte.
        this.pageShift = value === 0 ? 0 : 31 - Math.clz32(value & -value);
        return;
      case MmioReg.QUEUE_NUM:
        d.setQueueSize(d.queueSelect, value);
        return this.placeAgain();
      case R.QUEUE_ALIGN:
        if (value === 0) return;
        this.aligns.set(d.queueSelect, value);
        return this.placeAgain();
      case R.QUEUE_PFN:
        return value === 0 ? d.reset() : this.place(value * 2 ** this.pageShift);
    }
  }

  private place(desc: number): void {
    const index = this.device.queueSelect;
    placeLegacyQueue(this.device, index, desc, this.aligns.get(index) ?? LEGACY_ALIGN);
  }
  /** Size and alignment say where the rings of a queue are that lies somewhere. */
  private placeAgain(): void {
    const desc = this.device.queues[this.device.queueSelect]?.desc ?? 0;
    if (desc !== 0) this.place(desc);
  }
}
