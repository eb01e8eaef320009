import { hex, type PhysAddr } from "../../../../arch/addresses.ts";
import type { IoMemory } from "../../../../arch/io_memory.ts";
import { CommonCfg } from "../../../../spec/virtio/pci.ts";
import { VirtioError } from "../../error.ts";
import { type ComCfgLayout, RegisterComCfg } from "../com_cfg.ts";
import { waitFor } from "../common.ts";
import type { VqCfgHandler } from "../mod.ts";

/** The registers that both transports have, in the common configuration; a driver's sets have 128 bits. */
const LAYOUT: ComCfgLayout = {
  deviceFeatureSelect: CommonCfg.DEVICE_FEATURE_SELECT,
  deviceFeature: CommonCfg.DEVICE_FEATURE,
  driverFeatureSelect: CommonCfg.DRIVER_FEATURE_SELECT,
  driverFeature: CommonCfg.DRIVER_FEATURE,
  featureWords: 4,
  status: CommonCfg.DEVICE_STATUS,
  generation: CommonCfg.CONFIG_GENERATION,
  width: 1,
};

/** The common configuration structure (virtio 1.4, 4.1.4.3). */
export class PciComCfg extends RegisterComCfg {
  constructor(regs: IoMemory, deviceName: string) {
    super(regs, deviceName, LAYOUT);
  }
  selectVq(index: number): VqCfgHandler | undefined {
    this.regs.write(CommonCfg.QUEUE_SELECT, 2, index);
    // A queue that does not exist has size 0 (virtio 1.4, 4.1.5.1.3).
    if (this.regs.read(CommonCfg.QUEUE_SIZE, 2) === 0) return undefined;
    return new PciVqCfgHandler(this.regs, index, this.deviceName);
  }
  /** Sets the vector of configuration changes; false if the device refused it. */
  setConfigVector(vector: number): boolean {
    this.regs.write(CommonCfg.CONFIG_MSIX_VECTOR, 2, vector);
    return this.regs.read(CommonCfg.CONFIG_MSIX_VECTOR, 2) === vector;
  }
  /** Sets a queue's vector; false if the device refused it. */
  setQueueVector(queue: number, vector: number): boolean {
    this.regs.write(CommonCfg.QUEUE_SELECT, 2, queue);
    this.regs.write(CommonCfg.QUEUE_MSIX_VECTOR, 2, vector);
    return this.regs.read(CommonCfg.QUEUE_MSIX_VECTOR, 2) === vector;
  }
}

/** One queue's registers in the common configuration. */
class PciVqCfgHandler implements VqCfgHandler {
  constructor(
    private readonly regs: IoMemory,
    readonly vqIndex: number,
    private readonly deviceName: string,
  ) {}

  setVqSize(max: number): number {
    this.select();
    const offered = this.regs.read(CommonCfg.QUEUE_SIZE, 2);
    if (offered <= max) return offered;
    this.regs.write(CommonCfg.QUEUE_SIZE, 2, max);
    const size = this.regs.read(CommonCfg.QUEUE_SIZE, 2);
    if (size !== max) {
      throw new VirtioError(
        "DeviceNotResponding",
        `${this.deviceName}: queue ${this.vqIndex} has size ${size} after ${max} was written (offered ${offered})`,
      );
    }
    return max;
  }
  setRingAddr(addr: PhysAddr): void {
    this.select();
    this.regs.write64(CommonCfg.QUEUE_DESC, addr);
  }
  setDrvCtrlAddr(addr: PhysAddr): void {
    this.select();
    this.regs.write64(CommonCfg.QUEUE_DRIVER, addr);
  }
  setDevCtrlAddr(addr: PhysAddr): void {
    this.select();
    this.regs.write64(CommonCfg.QUEUE_DEVICE, addr);
  }
  notifOff(): number {
    this.select();
    return this.regs.read(CommonCfg.QUEUE_NOTIFY_OFF, 2);
  }
  enableQueue(): void {
    this.select();
    this.regs.write(CommonCfg.QUEUE_ENABLE, 2, 1);
  }
  resetQueue(): void {
    if (this.regs.length < CommonCfg.QUEUE_RESET + 2) {
      throw new VirtioError(
        "NoComCfg",
        `${this.deviceName}: RING_RESET, but the common configuration ends at ${hex(this.regs.length)}`,
      );
    }
    this.select();
    this.regs.write(CommonCfg.QUEUE_RESET, 2, 1);
    waitFor(
      this.regs.platform,
      () => this.regs.read(CommonCfg.QUEUE_RESET, 2) === 0,
      () => `${this.deviceName}: queue ${this.vqIndex} did not finish its reset`,
    );
  }
  private select(): void {
    this.regs.write(CommonCfg.QUEUE_SELECT, 2, this.vqIndex);
  }
}
