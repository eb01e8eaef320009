import type { IoMemory } from "../../../arch/io_memory.ts";
import type { Width } from "../../../arch/platform.ts";
import { featuresFromWords, featureWord } from "../../../spec/virtio/features.ts";
import { DeviceStatus, statusNames } from "../../../spec/virtio/status.ts";
import { waitFor } from "./common.ts";
import type { ComCfg, VqCfgHandler } from "./mod.ts";

/** Where a transport has the registers that both transports have. Offsets in bytes. */
export interface ComCfgLayout {
  readonly deviceFeatureSelect: number;
  readonly deviceFeature: number;
  readonly driverFeatureSelect: number;
  readonly driverFeature: number;
  /** How many 32-bit feature words may be selected. */
  readonly featureWords: number;
  readonly status: number;
  readonly generation: number;
  /** Width of status and generation. */
  readonly width: Width;
}

/** Status, features and generation of a device (virtio 1.4, 2.1, 2.2, 2.5), wherever the transport has them. */
export abstract class RegisterComCfg implements ComCfg {
  constructor(
    readonly regs: IoMemory,
    readonly deviceName: string,
    private readonly layout: ComCfgLayout,
  ) {}

  abstract selectVq(index: number): VqCfgHandler | undefined;

  readDeviceFeatures(): bigint {
    const words: number[] = [];
    for (let i = 0; i < this.layout.featureWords; i++) {
      this.regs.write(this.layout.deviceFeatureSelect, 4, i);
      words.push(this.regs.read(this.layout.deviceFeature, 4));
    }
    return featuresFromWords(words);
  }
  writeDriverFeatures(features: bigint): void {
    for (let i = 0; i < this.layout.featureWords; i++) {
      this.regs.write(this.layout.driverFeatureSelect, 4, i);
      this.regs.write(this.layout.driverFeature, 4, featureWord(features, i));
    }
  }
  deviceStatus(): number {
    return this.regs.read(this.layout.status, this.layout.width);
  }
  resetDev(): void {
    this.regs.write(this.layout.status, this.layout.width, 0);
    waitFor(
      this.regs.platform,
      () => this.deviceStatus() === 0,
      () => `${this.deviceName}: status is ${statusNames(this.deviceStatus())} after a reset, expected 0`,
    );
  }
  ackDev(): void {
    this.addStatus(DeviceStatus.ACKNOWLEDGE);
  }
  setDrv(): void {
    this.addStatus(DeviceStatus.DRIVER);
  }
  featuresOk(): void {
    this.addStatus(DeviceStatus.FEATURES_OK);
  }
  checkFeatures(): boolean {
    return (this.deviceStatus() & DeviceStatus.FEATURES_OK) !== 0;
  }
  drvOk(): void {
    this.addStatus(DeviceStatus.DRIVER_OK);
  }
  setFailed(): void {
    this.addStatus(DeviceStatus.FAILED);
  }
  doesDeviceNeedReset(): boolean {
    return (this.deviceStatus() & DeviceStatus.DEVICE_NEEDS_RESET) !== 0;
  }
  configGeneration(): number {
    return this.regs.read(this.layout.generation, this.layout.width);
  }
  private addStatus(bits: number): void {
    this.regs.write(this.layout.status, this.layout.width, this.deviceStatus() | bits);
  }
}
