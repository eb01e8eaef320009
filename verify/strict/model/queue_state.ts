import { NO_VECTOR } from "../../../spec/virtio/pci.ts";
import type { RingPart } from "../events.ts";
import type { DeviceState } from "./device_state.ts";
import type { QueueModel } from "./queue.ts";
import type { RingState } from "./ring_state.ts";

/** A {@link QueueModel} as the engine keeps it. */
export class QueueState implements QueueModel {
  max = 0;
  size = 0;
  sizeWritten = false;
  enabled = false;
  desc = 0;
  driver = 0;
  deviceArea = 0;
  vector = NO_VECTOR;
  notifyOff: number | undefined = undefined;
  notifications = 0;
  ring: RingState | undefined = undefined;

  constructor(readonly device: DeviceState, readonly index: number) {}

  get name(): string {
    return `${this.device.name} queue ${this.index}`;
  }
  /** What a reset of the device, or of this queue, takes back. What the device allows, and where it is notified, stays. */
  reset(): void {
    this.enabled = false;
    this.size = this.max;
    this.sizeWritten = false;
    this.desc = this.driver = this.deviceArea = 0;
    this.vector = NO_VECTOR;
  }
  /** The part at an address, if the queue is enabled. */
  partAt(address: number): RingPart | undefined {
    const { ring } = this;
    if (!this.enabled || ring === undefined) return undefined;
    for (const { area, base, length } of ring.areas) {
      if (address >= base && address < base + length) return { queue: this, area, offset: address - base };
    }
    return undefined;
  }
}
