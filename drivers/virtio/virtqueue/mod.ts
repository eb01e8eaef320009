/**
 * Virtqueues, the driver's side (virtio 1.4, 2.6 to 2.8; Hermit's `drivers/virtio/virtqueue`).
 *
 * `split.ts` and `packed.ts` are the two rings over what `base.ts` has in common; `buffer.ts` and `token.ts` are what
 * a driver hands in and gets back; `set_up.ts` tells the device about a new queue.
 */
import { F } from "../../../spec/virtio/features.ts";
import type { ComCfg, NotifCfg } from "../transport/mod.ts";
import { PackedVq } from "./packed.ts";
import { SplitVq } from "./split.ts";
import type { Virtq, VirtqEnv } from "./types.ts";

export * from "./types.ts";
export * from "./buffer.ts";
export * from "./token.ts";
export { IndexAlloc } from "./index_alloc.ts";
export { type SplitDebugState, SplitVq } from "./split.ts";
export { type PackedDebugState, PackedVq } from "./packed.ts";
export { type IndirectAlloc, IndirectTable } from "../../../mm/device_heap.ts";

/** Either ring (Hermit's `enum VirtQueue`). */
export type VirtQueue = SplitVq | PackedVq;

/**
 * Sets up a queue: packed if VIRTIO_F_RING_PACKED is among the negotiated features, otherwise split.
 *
 * @param size descriptors at most; the device may have less.
 * @throws {VirtqError} QueueNotExisting, QueueSizeNotAllowed, AllocationError.
 */
export function createVirtq(
  comCfg: ComCfg,
  notifCfg: NotifCfg,
  size: number,
  index: number,
  features: bigint,
  env: VirtqEnv,
): Virtq & VirtQueue {
  const ring = (features & F.RING_PACKED) !== 0n ? PackedVq : SplitVq;
  return ring.create(comCfg, notifCfg, size, index, features, env);
}
