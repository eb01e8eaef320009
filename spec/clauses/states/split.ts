import { device, notCheckable, type States, test, tested } from "../state.ts";
import * as T from "./files.ts";

const VQ = "Basic Facilities of a Virtio Device / Virtqueues";

/** Split virtqueues. */
export const split: States = {
  "devicenormative:Basic Facilities of a Virtio Device / Message Framing": {
    1: device(
      "virtio/chain.ts",
      test(
        T.RINGS,
        "however a message is cut into descriptors, it is the same message: frame, command, control message",
      ),
    ),
    2: device("virtio/queue_base.ts", test(T.BAD_DRIVER, "more than 1024 buffers")),
  },
  "drivernormative:Basic Facilities of a Virtio Device / Message Framing": {
    2: notCheckable(
      "no number is said from which on descriptors are too many; the drivers here take one " +
        "for a frame or a piece of text",
    ),
  },
  [`devicenormative:${VQ} / The Virtqueue Descriptor Table`]: {
    1: device(
      "virtio/chain.ts",
      test(T.RINGS, "${ring}: what the device may only read is as the driver left it: buffers, and tables"),
    ),
    2: device("virtio/chain.ts", test(T.QUEUE_MODEL, "${ring}: a chain is popped, read, written and used")),
    3: notCheckable(T.UNUSED),
    4: tested(
      T.RINGS,
      "${ring}: what the device may only read is as the driver left it: buffers, and tables",
    ),
  },
  [`devicenormative:${VQ} / The Virtqueue Descriptor Table / Indirect Descriptors`]: {
    1: device(
      "virtio/queue_split.ts",
      test(T.RINGS, "split: WRITE on the descriptor of an indirect table means nothing"),
    ),
    2: device(
      "virtio/queue_split.ts",
      test(T.QUEUE_MODEL, "split: an indirect table behind direct descriptors (virtio 1.4, 2.7.5.3.2)"),
    ),
  },
  [`drivernormative:${VQ} / Used Buffer Notification Suppression`]: {
    2: tested(
      T.VIRTQ,
      "${kind}: D05 D11: notif asks for an interrupt without EVENT_IDX while they are off",
    ),
    4: tested(T.EVENT_IDX, "split: D13: used_event follows the read position, or stays away"),
    5: [
      tested(
        T.HOSTILE_NET,
        "transmit buffers that come back wrongly do not end sending; a full ring refuses",
      ),
      notCheckable("that an interrupt without a reason does nothing is the absence of accesses"),
    ],
  },
  [`devicenormative:${VQ} / Used Buffer Notification Suppression`]: {
    1: device(
      "virtio/queue_split.ts",
      test(T.RINGS, "split: without EVENT_IDX used_event means nothing, with it avail.flags does"),
    ),
    2: device(
      "virtio/queue_split.ts",
      test(T.QUEUE_MODEL, "split: interrupts: NO_INTERRUPT without EVENT_IDX, used_event with it"),
    ),
    3: device(
      "virtio/queue_split.ts",
      test(T.QUEUE_MODEL, "split: interrupts: NO_INTERRUPT without EVENT_IDX, used_event with it"),
    ),
    4: device(
      "virtio/queue_split.ts",
      test(T.RINGS, "split: without EVENT_IDX used_event means nothing, with it avail.flags does"),
    ),
    5: device(
      "virtio/queue_split.ts",
      test(
        T.QUEUE_GUARD,
        "split: used_event among several new entries is passed, before and behind them it is not " +
          "(virtio 1.4, 2.7.10)",
      ),
    ),
    6: device(
      "virtio/queue_split.ts",
      test(
        T.QUEUE_GUARD,
        "split: used_event among several new entries is passed, before and behind them it is not " +
          "(virtio 1.4, 2.7.10)",
      ),
    ),
  },
  [`devicenormative:${VQ} / The Virtqueue Used Ring`]: {
    1: device("virtio/queue_split.ts", test(T.QUEUE_MODEL, "${ring}: QEMU's trace events and ring writes")),
    2: tested(
      T.RNG_MODEL,
      "every waiting chain is filled from the machine's generator, with one interrupt",
    ),
    3: notCheckable(T.UNUSED),
  },
  [`drivernormative:${VQ} / The Virtqueue Used Ring`]: {
    2: tested(T.VIRTQ, "${kind}: a cycle: the device sees the elements, the driver what was written"),
  },
  [`drivernormative:${VQ} / Available Buffer Notification Suppression`]: {
    3: tested(T.VIRTQ, "${kind}: the device suppresses notifications"),
    7: tested(
      T.EVENT_IDX,
      "split: D13: avail_event decides, the flag is ignored, across the 16-bit limit",
    ),
  },
  [`devicenormative:${VQ} / Available Buffer Notification Suppression`]: {
    1: tested(T.QUEUE_MODEL, "split: notifications: flag without EVENT_IDX, avail_event with it"),
    2: tested(T.QUEUE_MODEL, "split: notifications: flag without EVENT_IDX, avail_event with it"),
    3: device(
      "virtio/queue_split.ts",
      test(T.RINGS, "split: with EVENT_IDX used.flags stays 0, whatever the device wants"),
    ),
    4: tested(T.QUEUE_MODEL, "split: notifications: flag without EVENT_IDX, avail_event with it"),
    5: tested(T.RINGS, "a notification without a buffer does nothing, on any queue of any device"),
  },
};
