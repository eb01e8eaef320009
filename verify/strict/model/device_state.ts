import { DeviceStatus } from "../../../spec/virtio/status.ts";
import { NO_VECTOR } from "../../../spec/virtio/pci.ts";
import { featuresFromWords } from "../../../spec/virtio/features.ts";
import type { DeviceModel } from "./device.ts";
import { QueueState } from "./queue_state.ts";

const { FEATURES_OK, DRIVER_OK, FAILED, DEVICE_NEEDS_RESET } = DeviceStatus;

/** A {@link DeviceModel} as the engine keeps it. */
export class DeviceState implements DeviceModel {
  virtioId = 0;
  status = 0;
  resetPending = false;
  resets = 0;
  offeredWords: (number | undefined)[] = [];
  acceptedWords: number[] = [];
  negotiated = 0n;
  featuresConfirmed = false;
  legacy = false;
  queueSelect = 0;
  featureSelect = 0;
  driverFeatureSelect = 0;
  vectors = 0;
  msixEnabled = false;
  configVector = NO_VECTOR;
  readonly queues = new Map<number, QueueState>();
  /** PCI: bytes from one queue's notification address to the next, times queue_notify_off. */
  notifyMultiplier = 0;

  constructor(public name: string, readonly transport: "pci" | "mmio", readonly place: string) {}

  get offered(): bigint {
    return featuresFromWords(Array.from(this.offeredWords, (w) => w ?? 0));
  }
  /** Features that the driver has read as not offered. */
  get notOffered(): bigint {
    return featuresFromWords(Array.from(this.offeredWords, (w) => w === undefined ? 0 : ~w >>> 0));
  }
  get accepted(): bigint {
    return featuresFromWords(Array.from(this.acceptedWords, (w) => w ?? 0));
  }
  get live(): boolean {
    return (this.status & (FEATURES_OK | DRIVER_OK | FAILED | DEVICE_NEEDS_RESET)) ===
      (FEATURES_OK | DRIVER_OK);
  }
  has(feature: bigint): boolean {
    return (this.negotiated & feature) !== 0n;
  }
  /** The queue of a number; made when it is first spoken of. */
  queue(index: number): QueueState {
    let q = this.queues.get(index);
    if (q === undefined) this.queues.set(index, q = new QueueState(this, index));
    return q;
  }
  /** Status 0 was written: all that a reset takes back (virtio 1.4, 2.4). The selectors stay, as on QEMU. */
  reset(): void {
    this.status = 0;
    this.resetPending = true;
    this.resets++;
    this.offeredWords = [];
    this.acceptedWords = [];
    this.negotiated = 0n;
    this.featuresConfirmed = false;
    this.configVector = NO_VECTOR;
    for (const q of this.queues.values()) q.reset();
  }
}
