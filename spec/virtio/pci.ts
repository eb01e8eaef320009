/** virtio over PCI (virtio 1.4, 4.1). */

/** Vendor id of all virtio devices (virtio 1.4, 4.1.2). */
export const VIRTIO_PCI_VENDOR = 0x1af4;
/** Device id of a modern device minus its virtio id (virtio 1.4, 4.1.2). */
export const VIRTIO_PCI_MODERN_BASE = 0x1040;

/** cfg_type of a virtio capability (virtio 1.4, 4.1.4). */
export const CapCfgType = {
  Common: 1,
  Notify: 2,
  Isr: 3,
  Device: 4,
  Pci: 5,
  SharedMemory: 8,
  Vendor: 9,
} as const;

/** Offsets within struct virtio_pci_cap, from the capability's start (virtio 1.4, 4.1.4). */
export const VirtioPciCap = {
  CAP_VNDR: 0,
  CAP_NEXT: 1,
  CAP_LEN: 2,
  CFG_TYPE: 3,
  BAR: 4,
  ID: 5,
  OFFSET: 8,
  LENGTH: 12,
  /** notify: notify_off_multiplier; pci_cfg: the data window. */
  EXTRA: 16,
} as const;

/** Offsets and widths of the common configuration structure (virtio 1.4, 4.1.4.3). */
export const CommonCfg = {
  DEVICE_FEATURE_SELECT: 0x00,
  DEVICE_FEATURE: 0x04,
  DRIVER_FEATURE_SELECT: 0x08,
  DRIVER_FEATURE: 0x0c,
  CONFIG_MSIX_VECTOR: 0x10,
  NUM_QUEUES: 0x12,
  DEVICE_STATUS: 0x14,
  CONFIG_GENERATION: 0x15,
  QUEUE_SELECT: 0x16,
  QUEUE_SIZE: 0x18,
  QUEUE_MSIX_VECTOR: 0x1a,
  QUEUE_ENABLE: 0x1c,
  QUEUE_NOTIFY_OFF: 0x1e,
  QUEUE_DESC: 0x20,
  QUEUE_DRIVER: 0x28,
  QUEUE_DEVICE: 0x30,
  QUEUE_NOTIF_CONFIG_DATA: 0x38,
  QUEUE_RESET: 0x3a,
  ADMIN_QUEUE_INDEX: 0x3c,
  ADMIN_QUEUE_NUM: 0x3e,
} as const;

/** Bytes of the common configuration that every device has: up to and with queue_device. */
export const COMMON_CFG_MIN_SIZE = 0x38;

/** Vector number that means "no vector" (virtio 1.4, 4.1.4.3). */
export const NO_VECTOR = 0xffff;
