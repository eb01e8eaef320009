import { NO_VECTOR } from "../../spec/virtio/pci.ts";
import { MAX_QUEUES, type VirtioDevice } from "./device.ts";

/** What a driver wrote for one queue. Kept apart from the device's queue: it reads back before and without enabling. */
export interface QueueRegisters {
  num: number;
  enabled: number;
  /** MSI-X vector of a number that names no queue: it reads back all the same. */
  vector: number;
  /** Words of 32 bits: desc low and high, driver low and high, device low and high. */
  readonly areas: Uint32Array;
}

/**
 * The queue registers behind a front end, one set for every number that can be selected, whether or not the queue
 * exists (QEMU's `proxy->vqs`).
 */
export class QueueRegisterFile {
  private readonly files = new Map<number, QueueRegisters>();

  constructor(private readonly device: VirtioDevice) {}

  /** Registers of a queue number below 1024. */
  at(index: number): QueueRegisters {
    let regs = this.files.get(index);
    if (regs === undefined) {
      regs = { num: 0, enabled: 0, vector: NO_VECTOR, areas: new Uint32Array(6) };
      this.files.set(index, regs);
    }
    return regs;
  }
  get selected(): QueueRegisters {
    return this.at(this.device.queueSelect);
  }
  /** Who keeps the vector of the selected number: the queue, or these registers if there is none. */
  get vectored(): { vector: number } {
    return this.device.queues[this.device.queueSelect] ?? this.selected;
  }
  /** A selection of 1024 or more is not taken; one that names no queue is. */
  select(value: number): void {
    if (value < MAX_QUEUES) this.device.queueSelect = value;
  }
  setNum(value: number): void {
    this.selected.num = value;
    this.device.setQueueSize(this.device.queueSelect, value);
  }
  /** Hands size and addresses to the device. */
  enable(): void {
    const regs = this.selected;
    const at = (i: number) => regs.areas[2 * i + 1] * 2 ** 32 + regs.areas[2 * i];
    this.device.setQueueSize(this.device.queueSelect, regs.num);
    regs.enabled = 1;
    this.device.enableQueue(this.device.queueSelect, at(0), at(1), at(2));
  }
  reset(): void {
    this.files.clear();
  }
  /** No queue is enabled any more; what was written for them stays (QEMU's virtio-mmio). */
  disable(): void {
    for (const regs of this.files.values()) regs.enabled = 0;
  }
}
