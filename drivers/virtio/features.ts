import { DeviceStatus, statusNames } from "../../spec/virtio/status.ts";
import { F, featureNames, unmetRequirements } from "../../spec/virtio/features.ts";
import type { DriverContext, Log } from "../context.ts";
import { VirtioError, VirtqError } from "./error.ts";
import type { ComCfg, UniCapsColl, VirtioDeviceLocation } from "./transport/mod.ts";
import type { Virtq, VirtqSnapshot } from "./virtqueue/types.ts";

/** A device that a driver runs, as the shell's `devices` and `vq` show it. */
export interface VirtioDeviceInfo {
  /** The driver's name: `virtio-rng`. */
  readonly name: string;
  /** `00:02.0`, or `0xfeb00e00`. */
  readonly location: string;
  readonly virtioId: number;
  /** The negotiated features. */
  readonly features: bigint;
  queues(): VirtqSnapshot[];
  /** Reads the device status register. */
  status(): number;
}

/** What a driver can do with a device. */
export interface DriverFeatures {
  /** Hermit's `get_name`: `virtio-console`. */
  readonly name: string;
  readonly virtioId: number;
  /** Without these the driver gives up (Hermit's MINIMAL_FEATURES). */
  readonly minimal: bigint;
  /** Taken where offered. */
  readonly optional: bigint;
}

/**
 * The features of rings and of the platform that every driver takes where they are offered (virtio 1.4, 6).
 * ACCESS_PLATFORM: no machine has an IOMMU, so devices are given the same addresses with it as without.
 */
export function ringFeatures(ctx: DriverContext): bigint {
  const packed = ctx.vqKind === "split" ? 0n : F.RING_PACKED;
  return packed | F.EVENT_IDX | F.INDIRECT_DESC | F.IN_ORDER | F.NOTIFICATION_DATA | F.ORDER_PLATFORM |
    F.ACCESS_PLATFORM | F.RING_RESET;
}

/** Features every driver must have. */
export function requiredFeatures(ctx: DriverContext): bigint {
  return ctx.vqKind === "packed" ? F.VERSION_1 | F.RING_PACKED : F.VERSION_1;
}

/**
 * Brings a device from reset to DRIVER_OK (virtio 1.4, 3.1.1; Hermit's `init_caps`): reset and wait, ACKNOWLEDGE,
 * DRIVER, features, FEATURES_OK, read back, then `setup` (queues are made here, never earlier), DRIVER_OK. `setup` must
 * not notify the device: that is allowed only afterwards. On any error FAILED is added and the device left alone.
 *
 * @returns the negotiated features and what `setup` returned.
 * @throws {VirtioError} what went wrong: DeviceNotResponding, FailFeatureNeg, Virtq, ...
 */
export function initCaps<T>(
  caps: UniCapsColl,
  driver: DriverFeatures,
  log: Log,
  setup: (features: bigint) => T,
): { features: bigint; result: T } {
  const com = caps.comCfg;
  try {
    com.resetDev();
    com.ackDev();
    com.setDrv();
    const features = negotiate(com, driver, log);
    com.featuresOk();
    if (!com.checkFeatures()) {
      log.error("The device does not support our subset of features.");
      throw new VirtioError(
        "FailFeatureNeg",
        `${com.deviceName}: refused the features ${show(features, driver.virtioId)} ` +
          `(status is ${statusNames(com.deviceStatus())}, expected FEATURES_OK in it)`,
      );
    }
    log.info(`Features have been negotiated between ${driver.name} device and driver.`);
    const result = setup(features);
    com.drvOk();
    const status = com.deviceStatus();
    if (status & DeviceStatus.DEVICE_NEEDS_RESET) {
      throw new VirtioError("NeedsReset", `${com.deviceName}: needs a reset right after DRIVER_OK`);
    }
    return { features, result };
  } catch (error) {
    com.setFailed();
    if (error instanceof VirtqError) {
      throw new VirtioError("Virtq", `${com.deviceName}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Chooses and writes the features. Hermit's log lines. */
function negotiate(com: ComCfg, driver: DriverFeatures, log: Log): bigint {
  const id = driver.virtioId;
  const offered = com.readDeviceFeatures();
  log.info(`device_features = ${show(offered, id)}`);
  const unmet = unmetRequirements(offered, id);
  if (unmet.length > 0) {
    throw new VirtioError(
      "FailFeatureNeg",
      `${com.deviceName}: offers inconsistent features: ${unmet.join(", ")}`,
    );
  }
  const wanted = driver.minimal | driver.optional;
  log.info(`driver_features = ${show(wanted, id)}`);
  const common = offered & wanted;
  log.info(`common_features = ${show(common, id)}`);
  const missing = driver.minimal & ~common;
  if (missing !== 0n) {
    log.error("Device features set, does not satisfy minimal features needed. Aborting!");
    throw new VirtioError(
      "FailFeatureNeg",
      `${com.deviceName}: does not offer ${featureNames(missing, id).join(", ")}, which ${driver.name} needs`,
    );
  }
  const broken = unmetRequirements(common, id);
  if (broken.length > 0) {
    throw new VirtioError("FailFeatureNeg", `${com.deviceName}: inconsistent choice: ${broken.join(", ")}`);
  }
  com.writeDriverFeatures(common);
  return common;
}

/** A feature set as Rust's bitflags print it. */
function show(features: bigint, id: number): string {
  return `F(${features === 0n ? "0x0" : featureNames(features, id).join(" | ")})`;
}

/** The description of a running device. `queues` is asked anew each time. */
export function describeDevice(
  driver: DriverFeatures,
  location: VirtioDeviceLocation,
  features: bigint,
  com: ComCfg,
  queues: () => readonly Virtq[],
): VirtioDeviceInfo {
  return {
    name: driver.name,
    location: location.name,
    virtioId: driver.virtioId,
    features,
    queues: () => queues().map((vq) => vq.snapshot()),
    status: () => com.deviceStatus(),
  };
}
