import type { IoHandler } from "../bus.ts";
import { featureWord } from "../../spec/virtio/features.ts";
import { NO_VECTOR } from "../../spec/virtio/pci.ts";
import { readAligned } from "./aligned.ts";
import { MAX_QUEUES, type VirtioDevice } from "./device.ts";

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

/**
 * The port window of a transitional device. Reads answer as QEMU's do; a device cannot be driven through it: writes
 * other than a queue selection and a reset are dropped, and the first of them is reported.
 */
export class LegacyWindow implements IoHandler {
  /** Whether a driver has tried to use the device this way. */
  reported = false;

  constructor(
    readonly name: string,
    private readonly device: VirtioDevice,
    private readonly msixEnabled: () => boolean,
    private readonly readIsr: () => number,
    private readonly resetDevice: () => void,
  ) {}

  read(offset: number, width: number): number {
    return readAligned(offset, width, this.readRegister);
  }
  private readonly readRegister = (offset: number, width: number): number => {
    const config = this.msixEnabled() ? 24 : 20;
    if (offset >= config) return this.device.configRead(offset - config, width);
    const d = this.device;
    const queue = d.queues[d.queueSelect];
    switch (offset) {
      case Legacy.DEVICE_FEATURES:
        return featureWord(d.hostFeatures, 0);
      case Legacy.DRIVER_FEATURES:
        return featureWord(d.guestFeatures, 0);
      case Legacy.QUEUE_ADDRESS:
        return Math.floor((queue?.desc ?? 0) / 4096) >>> 0;
      case Legacy.QUEUE_SIZE:
        return queue?.size ?? 0;
      case Legacy.QUEUE_SELECT:
        return d.queueSelect;
      case Legacy.STATUS:
        return d.status;
      case Legacy.ISR:
        return this.readIsr();
      case Legacy.CONFIG_VECTOR:
        return d.configVector;
      case Legacy.QUEUE_VECTOR:
        return queue?.vector ?? NO_VECTOR;
      default:
        return 0xffff_ffff;
    }
  };
  write(offset: number, _width: number, value: number): void {
    if (offset === Legacy.QUEUE_SELECT) {
      if (value < MAX_QUEUES) this.device.queueSelect = value;
    } else if (offset === Legacy.STATUS && (value & 0xff) === 0) {
      this.resetDevice();
    } else this.report(offset, value);
  }
  regName(offset: number): string | undefined {
    return NAMES.get(offset);
  }

  private report(offset: number, value: number): void {
    if (this.reported) return;
    this.reported = true;
    const register = this.regName(offset) ?? `offset ${offset}`;
    this.device.ctx.trace.emit({
      ev: "qemu",
      name: "unsupported",
      text:
        `${this.device.name}: write of ${value} to ${register}: driving a device through the legacy interface ` +
        `is not supported; use the modern one (disable-legacy=on hides this window)`,
    });
  }
}
