/** Device status bits (virtio 1.4, 2.1). */
export const DeviceStatus = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  SUSPEND: 16,
  DEVICE_NEEDS_RESET: 64,
  FAILED: 128,
} as const;

/** ISR status bits (virtio 1.4, 4.1.4.5) and interrupt status bits of MMIO (4.2.2): the same two. */
export const IsrBits = { QUEUE: 1, CONFIG: 2 } as const;

/** `ACKNOWLEDGE|DRIVER|...` for a status value; `0` for none. */
export function statusNames(status: number): string {
  const names = Object.entries(DeviceStatus).filter(([, bit]) => status & bit).map(([name]) => name);
  return names.length === 0 ? "0" : names.join("|");
}
