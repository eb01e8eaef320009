/** The split ring in memory (virtio 1.4, 2.7). All fields little-endian. */
export const DescF = {
  /** The chain goes on at `next`. */
  NEXT: 1,
  /** The device writes this buffer (otherwise it reads it). */
  WRITE: 2,
  /** The buffer holds a table of descriptors. */
  INDIRECT: 4,
} as const;

/** Driver to device: no interrupt wanted (virtio 1.4, 2.7.7). */
export const AVAIL_F_NO_INTERRUPT = 1;
/** Device to driver: no notification wanted (virtio 1.4, 2.7.10). */
export const USED_F_NO_NOTIFY = 1;

/** Size of a descriptor in bytes, in both rings: addr 8, len 4, flags 2, next 2 (packed: id 2, flags 2). */
export const DESC_SIZE = 16;
/** Offsets within a split descriptor (virtio 1.4, 2.7.5). */
export const SplitDesc = { ADDR: 0, LEN: 8, FLAGS: 12, NEXT: 14 } as const;
/** Offsets within the available ring: flags, idx, ring[]; used_event follows the ring (virtio 1.4, 2.7.6). */
export const Avail = { FLAGS: 0, IDX: 2, RING: 4 } as const;
/** Offsets within the used ring: flags, idx, ring[] of {id 4, len 4}; avail_event follows (virtio 1.4, 2.7.8). */
export const Used = { FLAGS: 0, IDX: 2, RING: 4, ELEM_SIZE: 8 } as const;
/** Largest size of a split queue (virtio 1.4, 2.7). */
export const SPLIT_MAX_SIZE = 32768;

/** Length in bytes of the available ring, with used_event. */
export const availSize = (size: number): number => 6 + 2 * size;
/** Length in bytes of the used ring, with avail_event. */
export const usedSize = (size: number): number => 6 + 8 * size;

/**
 * Whether an event index has been passed (virtio 1.4, 2.7.7.1, `vring_need_event`), modulo 65536.
 *
 * ```ts
 * import { needEvent } from "./split.ts";
 * console.assert(needEvent(4, 5, 4) && !needEvent(5, 5, 4));
 * ```
 */
export function needEvent(event: number, newIdx: number, oldIdx: number): boolean {
  return ((newIdx - event - 1) & 0xffff) < ((newIdx - oldIdx) & 0xffff);
}
