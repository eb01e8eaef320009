import { availSize, DESC_SIZE, usedSize } from "../../../../spec/virtio/split.ts";
import { EventSuppr } from "../../../../spec/virtio/packed.ts";
import { F } from "../../../../spec/virtio/features.ts";
import type { QueueModel } from "../../model/queue.ts";

/** A stretch of guest memory that is a device's. Lengths in bytes. */
export interface Stretch {
  readonly what: string;
  readonly address: number;
  readonly length: number;
}

/** The areas of a queue as its registers say, with the alignment that each must have (virtio 1.4, 2.7, 2.8). */
export function areasOf(queue: QueueModel): readonly (Stretch & { readonly align: number })[] {
  const packed = queue.ring === undefined ? queue.device.has(F.RING_PACKED) : queue.ring.kind === "packed";
  const { size, desc, driver, deviceArea } = queue;
  const areas = packed
    ? [["descriptor ring", desc, size * DESC_SIZE, 16], ["driver event area", driver, EventSuppr.SIZE, 4], [
      "device event area",
      deviceArea,
      EventSuppr.SIZE,
      4,
    ]] as const
    : [["descriptor table", desc, size * DESC_SIZE, 16], ["available ring", driver, availSize(size), 2], [
      "used ring",
      deviceArea,
      usedSize(size),
      4,
    ]] as const;
  return areas.map(([what, address, length, align]) => ({ what, address, length, align }));
}

/** All memory that the device may touch on behalf of an enabled queue: its areas, and what is in flight. */
export function memoryOf(queue: QueueModel): Stretch[] {
  if (!queue.enabled) return [];
  const inFlight = [...queue.ring?.inFlight.values() ?? []].flatMap((chain) => [
    ...chain.segments.map((s) => ({ what: "a buffer in flight", address: s.address, length: s.length })),
    ...(chain.table === undefined ? [] : [{ what: "an indirect table in flight", ...chain.table }]),
  ]);
  return [...areasOf(queue).map(({ what, address, length }) => ({ what, address, length })), ...inFlight];
}
