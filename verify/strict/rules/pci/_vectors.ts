import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import type { Access } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import { purposeOf } from "../basic/_registers.ts";
import { msixControl } from "./_capabilities.ts";

/** The owner of the vector of configuration changes; others are numbers of queues. */
export const CONFIG = -1;
/** Whose vector an access is about: a queue's number, or {@link CONFIG}. */
export function ownerOf(a: Access): number | undefined {
  const purpose = purposeOf(a);
  return purpose === "configVector" ? CONFIG : purpose === "queueVector" ? a.device.queueSelect : undefined;
}
/** For reports. */
export const ownerName = (owner: number) => owner === CONFIG ? "configuration changes" : `queue ${owner}`;

/** The vectors in use: of configuration changes, and of enabled queues. */
export function* vectorsOf(device: DeviceModel): Generator<[owner: number, vector: number]> {
  if (device.configVector !== NO_VECTOR) yield [CONFIG, device.configVector];
  for (const q of device.queues.values()) if (q.enabled && q.vector !== NO_VECTOR) yield [q.index, q.vector];
}

/** Message Control of a function, as far as it is known. */
export function controlOf(config: Uint8Array | undefined): { enabled: boolean; masked: boolean } {
  return (config && msixControl(config)) ?? { enabled: false, masked: true };
}
