import { featureWord } from "../../spec/virtio/features.ts";
import { CommonCfg as R, NO_VECTOR } from "../../spec/virtio/pci.ts";
import { type VirtioDevice } from "./device.ts";
import { QueueRegisterFile } from "./queue_registers.ts";

/** What the common configuration needs of its PCI function. */
export interface CommonCfgHost {
  /** Vectors there are; a larger number reads back as NO_VECTOR. */
  readonly vectors: number;
  /** A vector is given to one more thing, or taken from one. NO_VECTOR: nothing. */
  useVector(vector: number): void;
  unuseVector(vector: number): void;
  /** The driver wrote status 0. */
  resetDevice(): void;
}

const NAMES = new Map<number, string>(Object.entries(R).map(([name, at]) => [at, name.toLowerCase()]));

/**
 * The common configuration structure (virtio 1.4, 4.1.4.3) as QEMU 7.2 answers: a register answers at its own offset
 * at any width, other offsets read 0 and take nothing.
 */
export class CommonConfig {
  readonly queues: QueueRegisterFile;
  private deviceFeatureSelect = 0;
  private driverFeatureSelect = 0;
  /** As written; the device may have dropped bits. */
  private readonly driverFeatures = [0, 0];

  constructor(private readonly device: VirtioDevice, private readonly host: CommonCfgHost) {
    this.queues = new QueueRegisterFile(device);
  }

  /** What a reset by status 0 clears. The feature selectors and the written features stay (as in QEMU). */
  reset(): void {
    this.queues.reset();
  }
  /** Power on: everything. */
  powerOn(): void {
    this.reset();
    this.deviceFeatureSelect = this.driverFeatureSelect = 0;
    this.driverFeatures.fill(0);
  }

  read(offset: number): number {
    const d = this.device;
    switch (offset) {
      case R.DEVICE_FEATURE_SELECT:
        return this.deviceFeatureSelect;
      case R.DEVICE_FEATURE:
        return this.deviceFeatureSelect <= 1
          ? featureWord(d.hostFeatures & ~d.legacyFeatures, this.deviceFeatureSelect)
          : 0;
      case R.DRIVER_FEATURE_SELECT:
        return this.driverFeatureSelect;
      case R.DRIVER_FEATURE:
        return this.driverFeatures[this.driverFeatureSelect] ?? 0;
      case R.CONFIG_MSIX_VECTOR:
        return d.configVector;
      case R.NUM_QUEUES:
        return d.queues.length;
      case R.DEVICE_STATUS:
        return d.status;
      case R.CONFIG_GENERATION:
        return d.generation;
      case R.QUEUE_SELECT:
        return d.queueSelect;
      case R.QUEUE_SIZE:
        return d.queues[d.queueSelect]?.size ?? 0;
      case R.QUEUE_MSIX_VECTOR:
        return this.queues.vectored.vector;
      case R.QUEUE_ENABLE:
        return this.queues.selected.enabled;
      case R.QUEUE_NOTIFY_OFF:
        return d.queueSelect;
      default:
        return offset >= R.QUEUE_DESC && offset < R.QUEUE_NOTIF_CONFIG_DATA && (offset & 3) === 0
          ? this.queues.selected.areas[(offset - R.QUEUE_DESC) >> 2]
          : 0;
    }
  }

  write(offset: number, value: number): void {
    const d = this.device;
    switch (offset) {
      case R.DEVICE_FEATURE_SELECT:
        this.deviceFeatureSelect = value;
        return;
      case R.DRIVER_FEATURE_SELECT:
        this.driverFeatureSelect = value;
        return;
      case R.DRIVER_FEATURE:
        if (this.driverFeatureSelect > 1) return;
        this.driverFeatures[this.driverFeatureSelect] = value;
        d.setFeatures((BigInt(this.driverFeatures[1]) << 32n) | BigInt(this.driverFeatures[0]));
        return;
      case R.CONFIG_MSIX_VECTOR:
        return this.setConfigVector(value);
      case R.DEVICE_STATUS:
        d.writeStatus(value & 0xff);
        if (d.status === 0) this.host.resetDevice();
        return;
      case R.QUEUE_SELECT:
        this.queues.select(value & 0xffff);
        return;
      case R.QUEUE_SIZE:
        this.queues.setNum(value & 0xffff);
        return;
      case R.QUEUE_MSIX_VECTOR:
        return this.setQueueVector(value);
      case R.QUEUE_ENABLE:
        if (value === 1) this.queues.enable();
        else d.needsReset(`queue ${d.queueSelect}: wrong value for queue_enable ${value}`);
        return;
      case R.QUEUE_RESET:
        // As QEMU, without asking whether RING_RESET was negotiated (virtio 1.4, 2.6.1 wants that). The queue's vector
        // counts as used still.
        if (value !== 1) return;
        d.resetQueue(d.queueSelect);
        this.queues.vectored.vector = NO_VECTOR;
        this.queues.selected.enabled = 0;
        return;
      default:
        if (offset >= R.QUEUE_DESC && offset < R.QUEUE_NOTIF_CONFIG_DATA && (offset & 3) === 0) {
          this.queues.selected.areas[(offset - R.QUEUE_DESC) >> 2] = value;
        }
    }
  }
  regName(offset: number): string | undefined {
    return NAMES.get(offset) ?? (NAMES.has(offset - 4) ? `${NAMES.get(offset - 4)}_hi` : undefined);
  }

  /** The vector of configuration changes; one that does not exist is none. */
  setConfigVector(value: number): void {
    this.device.configVector = this.exchange(this.device.configVector, value);
  }
  /** The vector of the selected queue number; one that does not exist is none. */
  setQueueVector(value: number): void {
    const queue = this.queues.vectored;
    queue.vector = this.exchange(queue.vector, value);
  }

  /** Takes a vector from something and gives it another; one that does not exist is none. */
  private exchange(old: number, value: number): number {
    const vector = value < this.host.vectors ? value : NO_VECTOR;
    this.host.unuseVector(old);
    this.host.useVector(vector);
    return vector;
  }
}
