/** virtio over MMIO, register offsets of version 2 (virtio 1.4, 4.2.2). */
export const MmioReg = {
  MAGIC_VALUE: 0x000,
  VERSION: 0x004,
  DEVICE_ID: 0x008,
  VENDOR_ID: 0x00c,
  DEVICE_FEATURES: 0x010,
  DEVICE_FEATURES_SEL: 0x014,
  DRIVER_FEATURES: 0x020,
  DRIVER_FEATURES_SEL: 0x024,
  QUEUE_SEL: 0x030,
  QUEUE_NUM_MAX: 0x034,
  QUEUE_NUM: 0x038,
  QUEUE_READY: 0x044,
  QUEUE_NOTIFY: 0x050,
  INTERRUPT_STATUS: 0x060,
  INTERRUPT_ACK: 0x064,
  STATUS: 0x070,
  QUEUE_DESC_LOW: 0x080,
  QUEUE_DESC_HIGH: 0x084,
  QUEUE_DRIVER_LOW: 0x090,
  QUEUE_DRIVER_HIGH: 0x094,
  QUEUE_DEVICE_LOW: 0x0a0,
  QUEUE_DEVICE_HIGH: 0x0a4,
  SHM_SEL: 0x0ac,
  SHM_LEN_LOW: 0x0b0,
  SHM_LEN_HIGH: 0x0b4,
  SHM_BASE_LOW: 0x0b8,
  SHM_BASE_HIGH: 0x0bc,
  QUEUE_RESET: 0x0c0,
  CONFIG_GENERATION: 0x0fc,
  CONFIG: 0x100,
} as const;

/** What version 1, the legacy interface, has besides (virtio 1.4, 4.2.4). Its QueueNum is version 2's. */
export const LegacyMmioReg = {
  GUEST_PAGE_SIZE: 0x028,
  QUEUE_ALIGN: 0x03c,
  QUEUE_PFN: 0x040,
} as const;

/** "virt", little-endian. */
export const MMIO_MAGIC = 0x7472_6976;
/** The version that follows the specification; 1 is the legacy interface. */
export const MMIO_VERSION = 2;

/** Where QEMU's microvm has its virtio-mmio slots: the first, bytes from one to the next, and how many there are at most. */
export const VIRTIO_MMIO_BASE = 0xfeb0_0000;
export const VIRTIO_MMIO_SLOT = 0x200;
export const VIRTIO_MMIO_SLOTS = 24;
