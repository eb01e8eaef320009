import type { PhysAddr } from "../../../arch/addresses.ts";

/**
 * What both transports offer to drivers and queues. The build chooses one: `#transport` is `pci.ts`, or `mmio.ts` with
 * `DENO_CONDITIONS=mmio` (Hermit: the cargo feature `pci`). Names are Hermit's.
 *
 * Each transport module exports: `TRANSPORT` ("pci" | "mmio"), `findDevices(ctx): VirtioDeviceLocation[]`,
 * `mapDevice(location, ctx): UniCapsColl`.
 */

/** One queue's registers; every method selects the queue first, as Hermit's do. */
export interface VqCfgHandler {
  readonly vqIndex: number;
  /** Sets the queue's size to `max`, or leaves the device's smaller one. Returns the size in force. */
  setVqSize(max: number): number;
  setRingAddr(addr: PhysAddr): void;
  setDrvCtrlAddr(addr: PhysAddr): void;
  setDevCtrlAddr(addr: PhysAddr): void;
  /** queue_notify_off (PCI); the queue index (MMIO). */
  notifOff(): number;
  enableQueue(): void;
  /** VIRTIO_F_RING_RESET: resets this queue and waits until the device is done (virtio 1.4, 2.6.1). */
  resetQueue(): void;
}

/** The common configuration of a device: status, features, queues (virtio 1.4, 2.1, 2.2, 4.1.4.3, 4.2.2). */
export interface ComCfg {
  /** For messages: `virtio-rng at 00:02.0`. */
  readonly deviceName: string;
  /** Selects a queue; undefined if the device has none of this index. */
  selectVq(index: number): VqCfgHandler | undefined;
  readDeviceFeatures(): bigint;
  writeDriverFeatures(features: bigint): void;
  deviceStatus(): number;
  /** Writes 0 and waits until the device reads 0 (virtio 1.4, 4.1.4.3.2). */
  resetDev(): void;
  ackDev(): void;
  setDrv(): void;
  featuresOk(): void;
  checkFeatures(): boolean;
  drvOk(): void;
  /** Adds FAILED; the other bits stay (virtio 1.4, 2.1.2). */
  setFailed(): void;
  doesDeviceNeedReset(): boolean;
  configGeneration(): number;
}

/** What a driver tells the device with a notification (virtio 1.4, 2.9). */
export interface NotificationData {
  vqn: number;
  /** Split: avail.idx after the buffer. Packed: position (15 bits) and wrap (bit 15) after it. */
  next: number;
}

/** Where notifications go, per device. */
export interface NotifCfg {
  /** A controller for the queue. */
  notifCtrl(handler: VqCfgHandler): NotifCtrl;
}

/** Notifies the device about one queue. */
export interface NotifCtrl {
  /** VIRTIO_F_NOTIFICATION_DATA was negotiated: 32 bits are written instead of 16 (virtio 1.4, 4.1.5.2). */
  enableNotifData(): void;
  /** `vqn` the queue index, `next` as in {@link NotificationData}. Two numbers: this is a hot path. */
  notifyDev(vqn: number, next: number): void;
}

/** The ISR register, or the MMIO interrupt status. */
export interface IsrStatus {
  /** Reads and acknowledges: bit 0 queue, bit 1 configuration (virtio 1.4, 4.1.4.5; 4.2.2). */
  acknowledge(): number;
}

/** Read access to the device configuration, with the generation check where more than 32 bits belong together. */
export interface DevCfgSpace {
  readonly length: number;
  readU8(offset: number): number;
  readU16(offset: number): number;
  readU32(offset: number): number;
  writeU8(offset: number, value: number): void;
  writeU16(offset: number, value: number): void;
  writeU32(offset: number, value: number): void;
  /** Runs `read` until the generation before and after is the same (virtio 1.4, 2.5.1; 4.1.4.3.1). */
  consistent<T>(read: (cfg: DevCfgSpace) => T): T;
}

/** A virtio device that was found and may be driven. */
export interface VirtioDeviceLocation {
  /** Virtio device id (virtio 1.4, 5), whatever the transport's own id is. */
  readonly deviceId: number;
  /** `00:02.0`, or `0xfeb00e00`. */
  readonly name: string;
}

/** What a driver wants to hear of. */
export interface InterruptHandlers {
  /** For the interrupt statistics: `virtio-console`. */
  readonly name: string;
  /** The configuration changed, or the device needs a reset. */
  onConfig(): void;
  /** One entry for each queue that may interrupt. */
  readonly queues: readonly { readonly index: number; onUsed(): void }[];
}

/** How a device interrupts (Hermit: `Msix(table)` or `IsrStatus`). */
export interface InterruptCapability {
  /** What is in force; before `connect` what the device could do. */
  readonly kind: "Msix" | "IsrStatus";
  /**
   * Connects the handlers. Called after FEATURES_OK and before the queues are enabled (virtio 1.4, 4.1.5.1.2). Where
   * vectors are refused the device falls back to fewer vectors, then to its line.
   *
   * @throws {VirtioError} if no interrupt can be had.
   */
  connect(handlers: InterruptHandlers): void;
}

/** All of one device that a driver needs (Hermit's name). */
export interface UniCapsColl {
  readonly location: VirtioDeviceLocation;
  readonly comCfg: ComCfg;
  readonly notifCfg: NotifCfg;
  /** Undefined where the device has no configuration of its own. */
  readonly devCfg: DevCfgSpace | undefined;
  readonly interrupt: InterruptCapability;
}
