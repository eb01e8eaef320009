import { deviates, device, notCheckable, notOffered, type States, test, tested } from "../state.ts";
import * as T from "./files.ts";

const P = "Virtio Transport Options / Virtio Over PCI Bus";
const LAYOUT = `${P} / PCI Device Layout`;
const INIT = `${P} / PCI-specific Initialization And Device Operation`;
const NO_SHM = "no device has a shared memory region";
const NO_VENDOR = "no device has a vendor data capability";
const NO_ADMIN = "no device offers ADMIN_VQ";
const NO_NOTIF_CONFIG = "no device offers NOTIF_CONFIG_DATA, and no driver takes it";
const MATCH =
  "matching is no access that a trace must contain: a driver that leaves a device alone may have " +
  "any reason";
const SKIP =
  "what a capability says that is longer than needed, or of a kind not known, shows only with such a " +
  "device";

const SPACE = test(T.PCI_MODEL, "${file}, ${variant}: configuration space after reset");
const CAPS = test(T.PCI_MODEL, "${file}, ${variant}: capabilities, BARs, COMMAND");
const COMMON = test(
  T.PCI_MODEL,
  "${file}, ${variant}: common configuration, features, queues, device configuration",
);
const IDS = test(
  T.PCI,
  "ids: 1af4, 1040 and the type with revision 1 and a subsystem from 40 on, or the transitional id",
);
const EACH = test(
  T.PCI,
  "one capability of each kind; offsets aligned, multiplier a power of two, a notification for each queue",
);
const RESET = test(
  T.PCI,
  "queue_reset and queue_enable: 0 once the reset is done, which is at once; 0 after a device reset",
);
const VECTORS = test(
  T.PCI,
  "MSI-X: every event on every vector, or on none: then it sends nothing; a reset unmaps",
);
const UNUSABLE = "unusable and double capabilities are skipped with a line in the log; the first usable wins";
const DRIVER_VECTORS =
  "MSI-X: a vector each, or one for the queues, or one for all, as many as table and device have";

/** The PCI transport. */
export const pci: States = {
  [`devicenormative:${P}`]: { 1: device("pci/function.ts", SPACE) },
  [`devicenormative:${P} / PCI Device Discovery`]: {
    "1-2": device("virtio/pci.ts", IDS),
    3: device("virtio/pci.ts", SPACE),
    "4-6": device("virtio/pci.ts", IDS),
  },
  [`drivernormative:${P} / PCI Device Discovery`]: {
    "1-3": [
      tested(T.DRIVER, "ids: modern and transitional, any revision, any subsystem of a modern function"),
      notCheckable(MATCH),
    ],
    4: tested(T.DRIVER, "ids: modern and transitional, any revision, any subsystem of a modern function"),
  },
  [`drivernormative:${LAYOUT}`]: {
    2: notCheckable(T.UNUSED),
  },
  [`devicenormative:${LAYOUT}`]: {
    1: [
      tested(
        T.PCI_MODEL,
        "64-bit access to an address register reads back as two halves; odd offsets read 0",
      ),
      notOffered(
        "no field of a device configuration has 64 bits; those of the common configuration are tested",
      ),
    ],
  },
  [`drivernormative:${P} / Virtio Structure PCI Capabilities`]: {
    1: tested(T.PCI_TRANSPORT, UNUSABLE),
    2: tested(T.PCI_TRANSPORT, UNUSABLE),
    3: [tested(T.PCI_TRANSPORT, UNUSABLE), notCheckable(SKIP)],
    4: tested(T.PCI_TRANSPORT, UNUSABLE),
    5: deviates(
      "the whole BAR is mapped, each page once",
      test(
        T.PCI_TRANSPORT,
        "QEMU's capability list is understood; BARs of a machine without firmware get addresses",
      ),
    ),
    6: [
      tested(
        T.PCI_TRANSPORT,
        "QEMU's capability list is understood; BARs of a machine without firmware get addresses",
      ),
      notCheckable(SKIP),
    ],
    7: tested(T.PCI_TRANSPORT, UNUSABLE),
  },
  [`devicenormative:${P} / Virtio Structure PCI Capabilities`]: {
    1: device("virtio/pci.ts", EACH),
    2: device("virtio/pci.ts", CAPS),
    3: device("virtio/pci.ts", EACH),
  },
  [`devicenormative:${LAYOUT} / Common configuration structure layout`]: {
    "1-2": device("virtio/pci.ts", EACH),
    3: device("virtio/pci_common.ts", COMMON),
    "4-5": device("virtio/pci_common.ts", test(T.PROBES, "negotiation")),
    6: [
      device(
        "virtio/device.ts",
        test(
          T.CONSOLE_MODEL,
          "x-size: the size is in the configuration, a resize changes generation and interrupts",
        ),
      ),
      deviates(
        "what a driver's own command changes (ADDR_SET, ANNOUNCE_ACK) leaves the generation as it is",
        test(
          T.BASIC,
          "an address set by command changes the configuration and not its generation, as in QEMU",
        ),
      ),
    ],
    7: device("virtio/pci_common.ts", test(T.PCI_MODEL, "a reset cancels what was notified")),
    8: device("virtio/pci_common.ts", test(T.PROBES, "${name}, on a rng > after reset size, enable, desc")),
    "9-10": device("virtio/pci_common.ts", RESET),
    11: device(
      "virtio/pci_common.ts",
      test(T.PCI_MODEL, "queue reset: the queue is back at its start and can be enabled again"),
    ),
    12: [
      tested(RESET.file, RESET.name),
      notCheckable("a reset is done when the write that asks for it returns: there is no time in between"),
    ],
    13: device("virtio/pci_common.ts", RESET),
    "14-15": device("virtio/pci_common.ts", EACH),
    "16-17": notOffered(NO_ADMIN),
  },
  [`drivernormative:${LAYOUT} / Common configuration structure layout`]: {
    8: tested(T.VIRTQ, "${kind}: RING_RESET gives the buffers back and the queue works again"),
    9: notCheckable(T.UNUSED),
    "10-11": notOffered(NO_ADMIN),
  },
  [`devicenormative:${LAYOUT} / Notification capability`]: {
    "1-11": device("virtio/pci.ts", EACH),
  },
  [`devicenormative:${LAYOUT} / ISR status capability`]: {
    1: device("virtio/pci.ts", EACH),
    2: device(
      "virtio/device.ts",
      test(
        T.CONSOLE_MODEL,
        "x-size: the size is in the configuration, a resize changes generation and interrupts",
      ),
    ),
    "3-5": device(
      "virtio/pci.ts",
      test(T.PCI_MODEL, "INTx: ISR read lowers it, INTX_DISABLE holds it back, STATUS shows it"),
    ),
  },
  [`devicenormative:${LAYOUT} / Device-specific configuration`]: { 1: device("virtio/pci.ts", EACH) },
  [`devicenormative:${LAYOUT} / Shared memory capability`]: { "1-2": notOffered(NO_SHM) },
  [`devicenormative:${LAYOUT} / Vendor data capability`]: { "1-3": notOffered(NO_VENDOR) },
  [`drivernormative:${LAYOUT} / Vendor data capability`]: { "1-2": notOffered(NO_VENDOR) },
  [`devicenormative:${LAYOUT} / PCI configuration access capability`]: {
    1: device("virtio/pci.ts", EACH),
    "2-3": device("virtio/pci.ts", test(T.PCI_MODEL, "the pci_cfg window reads registers and notifies")),
  },
  [`devicenormative:${INIT} / Device Initialization / MSI-X Vector Configuration`]: {
    1: device("virtio/catalog.ts", CAPS),
    2: device(
      "pci/function.ts",
      test(
        T.PCI_MODEL,
        "MSI-X: masked vectors wait, unmasking sends, a vector out of range reads back as none",
      ),
    ),
    3: device("virtio/catalog.ts", CAPS),
    "4-7": device("virtio/pci_common.ts", VECTORS),
    8: device("virtio/pci_common.ts", VECTORS),
    9: device(
      "virtio/pci_common.ts",
      test(
        T.PCI_MODEL,
        "MSI-X: masked vectors wait, unmasking sends, a vector out of range reads back as none",
      ),
    ),
  },
  [`drivernormative:${INIT} / Device Initialization / MSI-X Vector Configuration`]: {
    1: [
      tested(T.PCI_TRANSPORT, DRIVER_VECTORS),
      notCheckable(
        "a driver that fails with some size of the table shows it only on a device with that size",
      ),
    ],
    2: notCheckable(T.UNUSED),
    3: tested(T.PCI_TRANSPORT, DRIVER_VECTORS),
    6: tested(
      T.PCI_TRANSPORT,
      "refused vectors: INTx, level and active low, asks the ISR whose interrupt it was",
    ),
  },
  [`drivernormative:${INIT} / Available Buffer Notifications`]: {
    "5-6": notOffered(NO_NOTIF_CONFIG),
  },
  [`devicenormative:${INIT} / Used Buffer Notifications`]: { 1: device("virtio/pci.ts", VECTORS) },
  [`devicenormative:${INIT} / Notification of Device Configuration Changes`]: {
    1: device("virtio/pci.ts", VECTORS),
  },
  "unlabelled:transport-pci.tex:653": { 1: device("virtio/pci.ts", EACH) },
};
