/**
 * Device drivers: find the devices of the transport this build is for, bring them up, hand them to the kernel.
 * `pci.ts` and `virtio/transport/` find and reach devices; `rng.ts`, `console.ts` and `net/` drive them.
 */
import { findDevices, mapDevice } from "#transport";
import { VirtioId, virtioIdName } from "../spec/virtio/ids.ts";
import { VirtioConsoleDriver } from "./console.ts";
import type { DriverContext } from "./context.ts";
import { VirtioNetDriver } from "./net/virtio.ts";
import { VirtioRngDriver } from "./rng.ts";
import { DriverError, VirtioError } from "./virtio/error.ts";
import type { VirtioDeviceInfo } from "./virtio/features.ts";
import type { VirtioDeviceLocation } from "./virtio/transport/mod.ts";

export * from "./context.ts";
export { TRANSPORT } from "#transport";
export { VirtioConsoleDriver } from "./console.ts";
export type { NetDevice, PartialChecksum, ReceivedFrame } from "./net/mod.ts";
export { VirtioNetDriver } from "./net/virtio.ts";
export { VirtioRngDriver } from "./rng.ts";
export type { VirtioDeviceInfo } from "./virtio/features.ts";
export type { VirtioDeviceLocation } from "./virtio/transport/mod.ts";
export * from "./virtio/error.ts";

/** What was found and runs, in the order of the bus. */
export interface Drivers {
  readonly rng: VirtioRngDriver[];
  readonly console: VirtioConsoleDriver[];
  readonly net: VirtioNetDriver[];
  readonly all: VirtioDeviceInfo[];
  /** Devices that were found but do not run, and why. */
  readonly failed: { readonly location: VirtioDeviceLocation; readonly error: Error }[];
}

/**
 * Finds the devices and starts their drivers. A device that fails is logged and kept in `failed`; the others go on.
 *
 * ```ts ignore
 * const drivers = initDrivers(ctx);
 * const bytes = new Uint8Array(32);
 * while (drivers.rng[0].read(bytes) === 0) ctx.platform.relax();
 * ```
 */
export function initDrivers(ctx: DriverContext): Drivers {
  const drivers: Drivers = { rng: [], console: [], net: [], all: [], failed: [] };
  for (const location of findDevices(ctx)) {
    try {
      initDevice(location, ctx, drivers);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      ctx.log.error(`${virtioIdName(location.deviceId)} device at ${location.name}: ${error.message}`);
      drivers.failed.push({ location, error });
    }
  }
  return drivers;
}

function initDevice(location: VirtioDeviceLocation, ctx: DriverContext, drivers: Drivers): void {
  switch (location.deviceId) {
    case VirtioId.Rng: {
      const driver = start(
        "rng",
        location,
        () => VirtioRngDriver.initDev(mapDevice(location, ctx), ctx),
      );
      drivers.rng.push(driver);
      drivers.all.push(driver.device);
      ctx.log.info("Virtio rng driver initialized.");
      return;
    }
    case VirtioId.Console: {
      const driver = start(
        "console",
        location,
        () => VirtioConsoleDriver.initDev(mapDevice(location, ctx), ctx),
      );
      drivers.console.push(driver);
      drivers.all.push(driver.device);
      ctx.log.info("Virtio console driver initialized.");
      return;
    }
    case VirtioId.Net: {
      const driver = start(
        "net",
        location,
        () => VirtioNetDriver.initDev(mapDevice(location, ctx), ctx),
      );
      drivers.net.push(driver);
      drivers.all.push(driver.device);
      ctx.log.info("Virtio net driver initialized.");
      return;
    }
    default:
      ctx.log.error(`Virtio device ${virtioIdName(location.deviceId)} is not supported!`);
      throw new DriverError(
        "InitVirtioDevFail",
        `no driver for virtio id ${location.deviceId} (${
          virtioIdName(location.deviceId)
        }) at ${location.name}`,
        { cause: new VirtioError("DevNotSupported", `virtio id ${location.deviceId}`) },
      );
  }
}

/** Runs `init`; its error becomes the cause of a DriverError (Hermit's `InitVirtioDevFail`). */
function start<T>(what: string, location: VirtioDeviceLocation, init: () => T): T {
  try {
    return init();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new DriverError(
      "InitVirtioDevFail",
      `Virtio ${what} driver could not be initialized with device ${location.name}: ${message}`,
      { cause: error },
    );
  }
}
