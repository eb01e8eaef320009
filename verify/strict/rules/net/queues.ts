import { NetF } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { NetConfig } from "../../../../spec/virtio/net.ts";
import type { Access } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import { ConfigSeen } from "../support/config_seen.ts";

export type NetQueueKind = "receive" | "transmit" | "control";

/** Whether a device is a network card whose driver does not use the legacy interface. */
export const isNet = (device: DeviceModel): boolean => device.virtioId === VirtioId.Net && !device.legacy;

/** What each queue of a network card is for (virtio 1.4, 5.1.2), by what the driver has read of the configuration. */
export class NetQueues {
  readonly config = new ConfigSeen();

  access(access: Access): void {
    if (isNet(access.device)) this.config.access(access);
  }
  /** Pairs of queues that there are; undefined as long as the driver cannot know. */
  maxPairs(device: DeviceModel): number | undefined {
    if (!device.has(NetF.MQ | NetF.RSS)) return 1;
    return this.config.u16(device, NetConfig.MAX_VIRTQUEUE_PAIRS);
  }
  /** Undefined: no queue of a network card, or it cannot be told. */
  kindOf(queue: QueueModel): NetQueueKind | undefined {
    const { device, index } = queue;
    if (!isNet(device)) return undefined;
    const pairs = this.maxPairs(device);
    if (pairs === undefined) return undefined;
    if (index < 2 * pairs) return index % 2 === 0 ? "receive" : "transmit";
    return index === 2 * pairs && device.has(NetF.CTRL_VQ) ? "control" : undefined;
  }
}
