/** The packed ring in memory (virtio 1.4, 2.8). All fields little-endian. NEXT, WRITE, INDIRECT as in the split ring. */
export const PackedDescF = {
  /** Equals the driver's wrap counter when the driver made the descriptor available (virtio 1.4, 2.8.1). */
  AVAIL: 1 << 7,
  /** Equals the device's wrap counter when the device used the descriptor. */
  USED: 1 << 15,
} as const;

/** Offsets within a packed descriptor (virtio 1.4, 2.8.13). */
export const PackedDesc = { ADDR: 0, LEN: 8, ID: 12, FLAGS: 14 } as const;

/** Event suppression structure: desc (offset 15 bits, wrap 1 bit), then flags (virtio 1.4, 2.8.14). */
export const EventSuppr = { DESC: 0, FLAGS: 2, SIZE: 4 } as const;

/** Values of the event suppression flags (virtio 1.4, 2.8.10). */
export const RingEventFlags = { ENABLE: 0, DISABLE: 1, DESC: 2 } as const;

/** Largest size of a packed queue (virtio 1.4, 2.8). */
export const PACKED_MAX_SIZE = 32768;
