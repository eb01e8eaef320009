import { deviates, device, notCheckable, notOffered, type States, test, tested } from "../state.ts";
import * as T from "./files.ts";

const BF = "Basic Facilities of a Virtio Device";
const SUSPEND = "no device offers SUSPEND, no driver takes it";
const NO_SR_IOV = "no device has the SR-IOV capability or offers SR_IOV";

/** Basic facilities, initialization, reserved feature bits. */
export const basic: States = {
  [`drivernormative:${BF} / Device Status Field`]: {
    4: tested(T.LINK, "a device that breaks marks the card broken, and whoever waits hears of it"),
  },
  [`devicenormative:${BF} / Device Status Field`]: {
    1: [
      device(
        "virtio/rng.ts",
        test(T.RNG_MODEL, "buffers made available before DRIVER_OK are filled when it is written"),
      ),
      deviates(
        "a console's queues and a card's control queue are served once they are enabled and notified",
        test(
          T.BASIC,
          "before DRIVER_OK rng and card leave buffers alone; a console's queues are served, as in QEMU",
        ),
      ),
    ],
    2: device(
      "virtio/device.ts",
      test(T.RNG_MODEL, "queue areas that run out of RAM: NEEDS_RESET, no exception"),
    ),
    3: device(
      "virtio/device.ts",
      test(
        T.BASIC,
        "NEEDS_RESET of a live device comes with a configuration interrupt, by line, message and on MMIO",
      ),
    ),
  },
  [`drivernormative:${BF} / Feature Bits`]: {
    3: [
      tested(T.HOSTILE_NET, "configurations that cannot be: typed errors, FAILED, no memory left behind"),
      notCheckable(
        "what a driver looks at before it chooses is its own affair; an accepted set that is not " +
          "closed is seen (clause 2)",
      ),
    ],
    4: [
      tested(
        T.DRIVER,
        "bits that no driver knows are passed over: they are not accepted, and no reason to fail",
      ),
      notCheckable("to pass something over is no access; accepting it is seen (clause 5)"),
    ],
    6: tested(T.PAIRS, "without MQ, or with a device that refuses, one pair does"),
    8: [
      tested(
        T.DRIVER,
        "bits that no driver knows are passed over: they are not accepted, and no reason to fail",
      ),
      notCheckable("a driver that gives up may have any reason; only a device that offers such a bit tells"),
    ],
  },
  [`devicenormative:${BF} / Feature Bits`]: {
    1: device(
      "virtio/catalog.ts",
      test(
        T.BASIC,
        "an offer is closed under what its features need, and has no bit without a name, SR_IOV or ADMIN_VQ",
      ),
    ),
    2: tested(T.BASIC, "any closed subset of an offer is accepted, and again after a reset"),
    3: device(
      "virtio/device.ts",
      test(T.RNG_MODEL, "iommu_platform=on refuses FEATURES_OK from a driver that does not accept it"),
    ),
    4: tested(
      T.BASIC,
      "an offer is closed under what its features need, and has no bit without a name, SR_IOV or ADMIN_VQ",
    ),
    5: tested(T.BASIC, "any closed subset of an offer is accepted, and again after a reset"),
  },
  [`devicenormative:${BF} / Device Reset`]: {
    1: device("virtio/device.ts", test(T.PCI_MODEL, "a reset cancels what was notified")),
    2: device("virtio/device.ts", test(T.PCI_MODEL, "a reset cancels what was notified")),
  },
  [`drivernormative:${BF} / Device Reset`]: {
    1: tested(T.PCI_TRANSPORT, "a reset is waited for"),
  },
  [`drivernormative:${BF} / Device Configuration Space`]: {
    2: tested(T.PCI_TRANSPORT, "the configuration is read again when it changed meanwhile"),
    4: [
      tested(
        T.PCI_TRANSPORT,
        "QEMU's capability list is understood; BARs of a machine without firmware get addresses",
      ),
      notCheckable("a limit shows only with a device whose configuration is longer than any here"),
    ],
    5: tested(
      T.PCI_TRANSPORT,
      "QEMU's capability list is understood; BARs of a machine without firmware get addresses",
    ),
  },
  [`devicenormative:${BF} / Device Configuration Space`]: {
    1: device(
      "virtio/device.ts",
      test(
        T.PCI_MODEL,
        "${file}, ${variant}: common configuration, features, queues, device configuration",
      ),
    ),
  },
  [`devicenormative:${BF} / Virtqueues / Virtqueue Reset / Virtqueue Reset`]: {
    1: device(
      "virtio/device.ts",
      test(T.PCI_MODEL, "queue reset: the queue is back at its start and can be enabled again"),
    ),
    2: device(
      "virtio/device.ts",
      test(
        T.BASIC,
        "a queue reset takes size and position back; then the queue is enabled elsewhere, with another size",
      ),
    ),
  },
  [`drivernormative:${BF} / Virtqueues / Virtqueue Reset / Virtqueue Reset`]: {
    2: tested(T.VIRTQ, "${kind}: RING_RESET gives the buffers back and the queue works again"),
  },
  [`devicenormative:${BF} / Virtqueues / Virtqueue Reset / Virtqueue Re-enable`]: {
    1: device(
      "virtio/device.ts",
      test(
        T.BASIC,
        "a queue reset takes size and position back; then the queue is enabled elsewhere, with another size",
      ),
    ),
  },
  [`devicenormative:${BF} / Shared Memory Regions`]: {
    1: notOffered("no device has a shared memory region"),
  },
  "drivernormative:General Initialization And Device Operation / Device Initialization": {
    2: notCheckable(T.UNUSED),
    5: tested(
      T.HOSTILE_DEVICE,
      "devices that cannot be brought up: a typed error, FAILED beside the other bits, no queue enabled",
    ),
  },
  "drivernormative:General Initialization And Device Operation / Device Suspend": {
    "2-6": notOffered(SUSPEND),
  },
  "devicenormative:General Initialization And Device Operation / Device Suspend": {
    "1-8": notOffered(SUSPEND),
  },
  "drivernormative:Reserved Feature Bits": {
    2: tested(
      T.HOSTILE_DEVICE,
      "devices that cannot be brought up: a typed error, FAILED beside the other bits, no queue enabled > " +
        "is legacy",
    ),
    3: tested(
      T.DRIVER,
      "a device that insists on ACCESS_PLATFORM is driven: the bit is taken where it is offered",
    ),
    4: notOffered("no machine here has an IOMMU that a driver could leave on"),
    6: tested(T.REAL_DEVICES, "vqKind forbids the packed ring, or insists on it"),
    7: tested(T.VIRTQ, "${kind}: D08: barriers reach devices only with ORDER_PLATFORM"),
    9: notOffered(NO_SR_IOV),
    11: notOffered(NO_SR_IOV),
    12: notOffered(NO_SR_IOV),
    13: notOffered("no device offers NOTIF_CONFIG_DATA, and no driver takes it"),
  },
  "devicenormative:Reserved Feature Bits": {
    1: device(
      "virtio/pci.ts",
      test(
        T.BASIC,
        "an offer is closed under what its features need, and has no bit without a name, SR_IOV or ADMIN_VQ",
      ),
    ),
    2: tested(T.PROBES, "negotiation"),
    3: [
      tested(T.RNG_MODEL, "iommu_platform=on refuses FEATURES_OK from a driver that does not accept it"),
      notCheckable(
        "no access of a device model is translated or restricted: whether the bit is offered is " +
          "the command line's choice",
      ),
    ],
    4: tested(T.RNG_MODEL, "iommu_platform=on refuses FEATURES_OK from a driver that does not accept it"),
    5: device("virtio/queue_base.ts", test(T.QUEUE_MODEL, "${ring}: IN_ORDER holds back what overtakes")),
    6: notCheckable(T.UNUSED),
    7: notCheckable(T.UNUSED),
    8: notOffered("no device has the SR-IOV capability"),
    9: tested(
      T.BASIC,
      "an offer is closed under what its features need, and has no bit without a name, SR_IOV or ADMIN_VQ",
    ),
  },
};
