import { featureNames, featuresFromWords } from "../../../../spec/virtio/features.ts";
import type { Access } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import { purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

/** Words of a feature set. */
const WORDS = 4;

/**
 * The features that a driver has seen as offered, whenever it read them: a reset does not make it forget. (The model's
 * `offered` starts anew at a reset.)
 */
export class OfferedSeen {
  private readonly words = new PerDevice((): (number | undefined)[] => []);

  access(a: Access): void {
    if (a.write || purposeOf(a) !== "offered" || a.device.featureSelect >= WORDS) return;
    this.words.of(a.device)[a.device.featureSelect] = a.value;
  }
  word(device: DeviceModel, i: number): number | undefined {
    return this.words.of(device)[i];
  }
  set(device: DeviceModel): bigint {
    return featuresFromWords(Array.from(this.words.of(device), (w) => w ?? 0));
  }
  /** Whether the words that hold these features have been read. */
  knows(device: DeviceModel, features: bigint): boolean {
    for (let i = 0; i < WORDS; i++) {
      if (features >> BigInt(32 * i) & 0xffff_ffffn && this.word(device, i) === undefined) return false;
    }
    return true;
  }
}

/** `SIZE, VERSION_1`, or `none`. */
export const names = (features: bigint, device: DeviceModel): string =>
  featureNames(features, device.virtioId).join(", ") || "none";
/** A set in hexadecimal. */
export const hexSet = (features: bigint): string => `0x${features.toString(16)}`;
