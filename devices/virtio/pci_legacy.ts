import type { IoHandler } from "../bus.ts";
import { featureWord } from "../../spec/virtio/features.ts";
import { DeviceStatus } from "../../spec/virtio/status.ts";
import { readAligned, writeAligned } from "./aligned.ts";
import type { VirtioDevice } from "./device.ts";
import { placeLegacyQueue } from "./legacy_ring.ts";
import type { CommonConfig } from "./pci_common.ts";

/** Registers of the legacy interface (virtio 1.4, 4.1.4.10). The vectors are there while MSI-X is enabled. */
const Legacy = {
  DEVICE_FEATURES: 0,
  DRIVER_FEATURES: 4,
  QUEUE_ADDRESS: 8,
  QUEUE_SIZE: 12,
  QUEUE_SELECT: 14,
  QUEUE_NOTIFY: 16,
  STATUS: 18,
  ISR: 19,
  CONFIG_VECTOR: 20,
  QUEUE_VECTOR: 22,
} as const;
const NAMES = new Map<number, string>(
  Object.entries(Legacy).map(([k, v]) => [v, `legacy_${k.toLowerCase()}`]),
);
/** Unit of a queue's address. */
const PAGE = 4096;
/** A driver that accepts this bit accepts whatever it is offered: it does not look at features at all. */
const BAD_FEATURE = 1 << 30;
/** What drivers write that do not know of bus mastering (Linux before 2.6.34 never turns it on). */
const DRIVER_STARTS = DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER;

/** What the port window needs of its PCI function. */
export interface LegacyHost {
  msixEnabled(): boolean;
  /** Reads the interrupt status, which clears it. */
  readIsr(): number;
  /** The driver kicks a queue; `data` is what it wrote. */
  notify(queue: number, data: number): void;
  resetDevice(): void;
  /** Turns bus mastering on for a driver that does not. */
  becomeMaster(): void;
}

/**
 * The port window of a transitional device, for drivers of before virtio 1.0, as QEMU 7.2 answers: a register answers
 * at its own offset at any width, other offsets read as ones and take nothing.
 */
export class LegacyWindow implements IoHandler {
  constructor(
    readonly name: string,
    private readonly device: VirtioDevice,
    private readonly common: CommonConfig,
    private readonly host: LegacyHost,
  ) {}

  read(offset: number, width: number): number {
    return readAligned(offset, width, this.readRegister);
  }
  write(offset: number, width: number, value: number): void {
    writeAligned(offset, width, value, this.writeRegister);
  }
  regName(offset: number): string | undefined {
    return NAMES.get(offset);
  }

  /** Where the device's own configuration begins. */
  private get configAt(): number {
    return this.host.msixEnabled() ? 24 : 20;
  }
  private readonly readRegister = (offset: number, width: number): number => {
    const config = this.configAt;
    if (offset >= config) return this.device.configRead(offset - config, width);
    const d = this.device;
    const queue = d.queues[d.queueSelect];
    switch (offset) {
      case Legacy.DEVICE_FEATURES:
        return featureWord(d.hostFeatures, 0);
      case Legacy.DRIVER_FEATURES:
        return featureWord(d.guestFeatures, 0);
      case Legacy.QUEUE_ADDRESS:
        return Math.floor((queue?.desc ?? 0) / PAGE) >>> 0;
      case Legacy.QUEUE_SIZE:
        return queue?.size ?? 0;
      case Legacy.QUEUE_SELECT:
        return d.queueSelect;
      case Legacy.STATUS:
        return d.status;
      case Legacy.ISR:
        return this.host.readIsr();
      case Legacy.CONFIG_VECTOR:
        return d.configVector;
      case Legacy.QUEUE_VECTOR:
        return this.common.queues.vectored.vector;
      default:
        return 0xffff_ffff;
    }
  };
  private readonly writeRegister = (offset: number, width: number, value: number): void => {
    const config = this.configAt;
    if (offset >= config) return this.device.configWrite(offset - config, width, value);
    const d = this.device;
    switch (offset) {
      case Legacy.DRIVER_FEATURES:
        return d.setFeatures((value & BAD_FEATURE) !== 0 ? d.badFeatures : BigInt(value));
      case Legacy.QUEUE_ADDRESS:
        return value === 0 ? this.host.resetDevice() : placeLegacyQueue(d, d.queueSelect, value * PAGE);
      case Legacy.QUEUE_SELECT:
        return this.common.queues.select(value);
      case Legacy.QUEUE_NOTIFY:
        return this.host.notify(value, value);
      case Legacy.STATUS:
        d.writeStatus(value & 0xff);
        if (d.status === 0) this.host.resetDevice();
        if (value === DRIVER_STARTS) this.host.becomeMaster();
        return;
      case Legacy.CONFIG_VECTOR:
        return this.common.setConfigVector(value);
      case Legacy.QUEUE_VECTOR:
        return this.common.setQueueVector(value);
    }
  };
}
