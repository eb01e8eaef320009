import { Avail, DESC_SIZE } from "../../spec/mod.ts";
import type { VirtioDevice } from "./device.ts";

/** Where the used ring begins, unless the transport lets drivers choose (virtio 1.4, 2.7.2). */
export const LEGACY_ALIGN = 4096;

/**
 * A legacy driver says where a queue lies: in one piece, descriptors, available ring, and the used ring at the next
 * multiple of `align` (virtio 1.4, 2.7.2). Like QEMU, without used_event behind the available ring.
 */
export function placeLegacyQueue(
  device: VirtioDevice,
  index: number,
  desc: number,
  align = LEGACY_ALIGN,
): void {
  const size = device.queues[index]?.size ?? 0;
  const driver = desc + DESC_SIZE * size;
  const used = Math.ceil((driver + Avail.RING + 2 * size) / align) * align;
  device.enableQueue(index, desc, driver, used);
}
