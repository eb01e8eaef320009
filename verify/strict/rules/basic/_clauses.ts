/** Ids of the clauses that rules of this folder, of `pci/` and of `mmio/` stand for: `spec/virtio-normative.jsonl`. */
const driver = (chapter: string) => (title: string, ...numbers: number[]): string[] =>
  numbers.map((n) => `drivernormative:${chapter}${title}#${n}`);

/** Chapter 2. */
export const facility = driver("Basic Facilities of a Virtio Device / ");
/** Chapter 3. */
export const operation = driver("General Initialization And Device Operation / ");
/** Section 4.1. */
export const overPci = driver("Virtio Transport Options / Virtio Over PCI Bus / ");
/** Section 4.2. */
export const overMmio = driver("Virtio Transport Options / Virtio Over MMIO / ");
/** Section 6. */
export const reserved = (...numbers: number[]): string[] => driver("")("Reserved Feature Bits", ...numbers);

/** The common configuration structure. */
export const COMMON = "PCI Device Layout / Common configuration structure layout";
/** MSI-X vectors. */
export const VECTORS =
  "PCI-specific Initialization And Device Operation / Device Initialization / MSI-X Vector Configuration";
/** Notifications to the device on PCI. */
export const PCI_NOTIFY = "PCI-specific Initialization And Device Operation / Available Buffer Notifications";
/** The registers of virtio-mmio. */
export const MMIO_LAYOUT = "MMIO Device Register Layout";
/** How a virtio-mmio device is begun with. */
export const MMIO_INIT = "MMIO-specific Initialization And Device Operation / Device Initialization";
/** Interrupts of a virtio-mmio device. */
export const MMIO_INTERRUPT =
  "MMIO-specific Initialization And Device Operation / Notifications From The Device";
/** Reset of one queue. */
export const QUEUE_RESET = "Virtqueues / Virtqueue Reset / Virtqueue Reset";
/** Use of a queue after its reset. */
export const QUEUE_AGAIN = "Virtqueues / Virtqueue Reset / Virtqueue Re-enable";
