import { NetF } from "../../../../spec/virtio/features.ts";
import { NetHdr } from "../../../../spec/virtio/net.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import { stretches } from "../support/segments.ts";

/** Which buffers of a receive queue begin a frame: with MRG_RXBUF `num_buffers` says how many there are (virtio 1.4, 5.1.6.4). */
export class FrameStarts {
  /** Buffers of the frame that are still to come, and the number of the next. */
  private readonly rest = new Map<QueueModel, { left: number; number: number }>();

  constructor(private readonly machine: MachineModel) {}

  /** Takes in a buffer that the device used. Which one of its frame it is, counted from 1. */
  next(queue: QueueModel, chain: Chain): number {
    if (!queue.device.has(NetF.MRG_RXBUF)) return 1;
    const frame = this.rest.get(queue);
    if (frame !== undefined && frame.left > 0) {
      frame.left--;
      return frame.number++;
    }
    const [field] = stretches(chain, true, NetHdr.NUM_BUFFERS, NetHdr.NUM_BUFFERS + 2);
    const count = field?.length === 2 ? this.machine.u16(field.address) : 1;
    this.rest.set(queue, { left: Math.max(0, Math.min(count, queue.size) - 1), number: 2 });
    return 1;
  }
  /** As {@link FrameStarts.next}: whether it is the first. */
  isFirst(queue: QueueModel, chain: Chain): boolean {
    return this.next(queue, chain) === 1;
  }
  forget(device: DeviceModel): void {
    for (const queue of this.rest.keys()) if (queue.device === device) this.rest.delete(queue);
  }
}
