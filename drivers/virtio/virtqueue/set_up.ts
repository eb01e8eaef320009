import { F } from "../../../spec/virtio/features.ts";
import type { DeviceBuffer } from "../../../mm/device_alloc.ts";
import { VirtqError } from "../error.ts";
import type { ComCfg, NotifCfg, NotifCtrl, VqCfgHandler } from "../transport/mod.ts";
import type { VirtqEnv } from "./types.ts";

/** A queue that the device knows and that is enabled. */
export interface OpenQueue {
  readonly handler: VqCfgHandler;
  readonly notifCtrl: NotifCtrl;
  readonly size: number;
  /** Descriptor, driver and device area (virtio 1.4, 2.6), each an allocation of its own. */
  readonly desc: DeviceBuffer;
  readonly driver: DeviceBuffer;
  readonly device: DeviceBuffer;
  readonly features: bigint;
  readonly index: number;
  readonly env: VirtqEnv;
}

/** What differs between the rings. */
export interface RingLayout {
  readonly kind: "split" | "packed";
  /** Why the size is not allowed, or undefined. */
  refuse(size: number): string | undefined;
  /** Bytes of the three areas. */
  areas(size: number): readonly [number, number, number];
}

/**
 * Sets a queue up (virtio 1.4, 4.1.5.1.3): size, memory, addresses, notification, enable, in Hermit's order.
 *
 * @throws {VirtqError} QueueNotExisting, QueueSizeNotAllowed (before the device is told anything), AllocationError.
 */
export function openQueue(
  comCfg: ComCfg,
  notifCfg: NotifCfg,
  maxSize: number,
  index: number,
  features: bigint,
  env: VirtqEnv,
  layout: RingLayout,
): OpenQueue {
  const name = `${env.deviceName} queue ${index}`;
  const handler = comCfg.selectVq(index);
  if (handler === undefined) {
    throw new VirtqError("QueueNotExisting", `${name}: the device has no such queue`, index);
  }
  checkSize(maxSize, maxSize, layout, name);
  const size = handler.setVqSize(maxSize);
  checkSize(size, maxSize, layout, name);

  const [descBytes, driverBytes, deviceBytes] = layout.areas(size);
  const areas: DeviceBuffer[] = [];
  try {
    areas.push(env.alloc.allocate(descBytes, `${name} desc`));
    areas.push(env.alloc.allocate(driverBytes, `${name} driver`));
    areas.push(env.alloc.allocate(deviceBytes, `${name} device`));
  } catch (cause) {
    for (const area of areas) area.free();
    throw new VirtqError("AllocationError", `${name}: no memory for a ring of ${size}: ${cause}`);
  }
  const [desc, driver, device] = areas;
  setAddresses(handler, desc, driver, device);
  const notifCtrl = notifCfg.notifCtrl(handler);
  if ((features & F.NOTIFICATION_DATA) !== 0n) notifCtrl.enableNotifData();
  handler.enableQueue();
  return { handler, notifCtrl, size, desc, driver, device, features, index, env };
}

/** Tells the device where the areas are. */
export function setAddresses(
  handler: VqCfgHandler,
  desc: DeviceBuffer,
  driver: DeviceBuffer,
  device: DeviceBuffer,
): void {
  handler.setRingAddr(desc.phys);
  handler.setDrvCtrlAddr(driver.phys);
  handler.setDevCtrlAddr(device.phys);
}

function checkSize(size: number, asked: number, layout: RingLayout, name: string): void {
  const why = !Number.isInteger(size)
    ? "not an integer"
    : size > asked
    ? `more than the ${asked} asked for`
    : layout.refuse(size);
  if (why !== undefined) {
    throw new VirtqError("QueueSizeNotAllowed", `${name}: ${layout.kind} ring of size ${size}: ${why}`, size);
  }
}
