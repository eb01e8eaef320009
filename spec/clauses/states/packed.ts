import { device, notCheckable, notOffered, type States, test, tested } from "../state.ts";
import * as T from "./files.ts";

const PVQ = "Basic Facilities of a Virtio Device / Packed Virtqueues";
const NO_LIMIT =
  "no device here names a limit on a list but the queue's size (clause 2 of Scatter-Gather Support)";
const ROUND = "${ring}: every size, over several rounds, out of order; chain objects are used again";

/** Packed virtqueues. */
export const packed: States = {
  [`devicenormative:${PVQ}`]: {
    1: device("virtio/queue_packed.ts", test(T.QUEUE_MODEL, ROUND)),
    2: device("virtio/queue_packed.ts", test(T.QUEUE_MODEL, ROUND)),
    3: notCheckable(T.UNUSED),
  },
  [`devicenormative:${PVQ} / The Virtqueue Descriptor Table`]: {
    1: device(
      "virtio/chain.ts",
      test(T.RINGS, "${ring}: what the device may only read is as the driver left it: buffers, and tables"),
    ),
    2: device("virtio/chain.ts", test(T.QUEUE_MODEL, "${ring}: a chain is popped, read, written and used")),
    3: device(
      "virtio/queue_packed.ts",
      test(T.RINGS, "packed: a descriptor whose AVAIL bit has not changed is not taken, on either lap"),
    ),
    4: device("virtio/queue_packed.ts", test(T.QUEUE_MODEL, "${ring}: QEMU's trace events and ring writes")),
  },
  "drivernormative:Basic Facilities of a Virtio Device / PAcked Virtqueues / The Virtqueue Descriptor Table":
    {
      4: notCheckable(T.UNUSED),
    },
  [`drivernormative:${PVQ} / Scatter-Gather Support`]: {
    1: notOffered(NO_LIMIT),
    4: notCheckable("on what a driver relies is not to be seen; a list that is too long is (clause 2)"),
  },
  [`devicenormative:${PVQ} / Scatter-Gather Support`]: {
    1: device(
      "virtio/queue_packed.ts",
      test(T.QUEUE_MODEL, "${ring}: a chain is popped, read, written and used"),
    ),
    2: device("virtio/queue_base.ts", test(T.BAD_DRIVER, "more than 1024 buffers")),
  },
  [`drivernormative:${PVQ} / The Virtqueue Descriptor Table / Indirect Descriptors`]: {
    3: notOffered(NO_LIMIT),
  },
  [`drivernormative:${PVQ} / Supplying Buffers to The Device / Updating flags`]: {
    1: tested(
      "tests/drivers/virtio/virtqueue/packed_guard_test.ts",
      "packed: the flags of the first descriptor come last, behind a barrier (virtio 1.4, 2.8.21)",
    ),
  },
  [`drivernormative:${PVQ} / Supplying Buffers to The Device / Sending Available Buffer Notifications`]: {
    1: tested(T.VIRTQ, "${kind}: D08: barriers reach devices only with ORDER_PLATFORM"),
  },
};
