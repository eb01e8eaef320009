/** The test files that the tables of states name often. */
export const BASIC = "tests/spec/clauses/basic_test.ts";
export const RINGS = "tests/spec/clauses/rings_test.ts";
export const PCI = "tests/spec/clauses/pci_test.ts";
export const MMIO = "tests/spec/clauses/mmio_test.ts";
export const NET = "tests/spec/clauses/net_test.ts";
export const DRIVER = "tests/spec/clauses/driver_test.ts";

export const PCI_MODEL = "tests/devices/virtio/pci_test.ts";
export const MMIO_MODEL = "tests/devices/virtio/mmio_test.ts";
export const NET_MODEL = "tests/devices/virtio/net_test.ts";
export const CONSOLE_MODEL = "tests/devices/virtio/console_test.ts";
export const RNG_MODEL = "tests/devices/virtio/rng_test.ts";
export const QUEUE_MODEL = "tests/devices/virtio/queue_test.ts";
export const QUEUE_GUARD = "tests/devices/virtio/queue_guard_test.ts";
export const BAD_DRIVER = "tests/devices/virtio/queue_bad_driver_test.ts";
export const DEVICE_GUARD = "tests/devices/virtio/device_guard_test.ts";
export const PROBES = "tests/devices/virtio/probes_test.ts";

export const PCI_TRANSPORT = "tests/drivers/virtio/transport/pci_test.ts";
export const MMIO_TRANSPORT = "tests/drivers/virtio/transport/mmio_test.ts";
export const VIRTQ = "tests/drivers/virtio/virtqueue/virtq_test.ts";
export const EVENT_IDX = "tests/drivers/virtio/virtqueue/event_idx_test.ts";
export const HOSTILE_NET = "tests/drivers/net/hostile_test.ts";
export const HOSTILE_DEVICE = "tests/drivers/hostile_device_test.ts";
export const LINK = "tests/drivers/net/link_test.ts";
export const PAIRS = "tests/drivers/net/pairs_test.ts";
export const OFFLOAD = "tests/drivers/net/offload_test.ts";
export const REAL_DEVICES = "tests/drivers/real_devices_test.ts";

/** Why a MAY has no test. */
export const UNUSED = "a permission that nothing here makes use of";
