import { deviates, device, notCheckable, type States, test, tested } from "../state.ts";
import * as T from "./files.ts";

const M = "Virtio Transport Options / Virtio Over MMIO";
const INIT = `${M} / MMIO-specific Initialization And Device Operation`;
const RESET = test(
  T.MMIO,
  "QueueReset: with RING_RESET the queue starts anew; QueueReset and QueueReady read 0 at once",
);
const GUESSED = "slots are guessed as microvm has them; each page is mapped once";

/** The MMIO transport. */
export const mmio: States = {
  [`devicenormative:${M} / MMIO Device Register Layout`]: {
    "1-2": device(
      "virtio/mmio.ts",
      test(T.MMIO, "MagicValue, Version and DeviceID of each device, and of an empty slot"),
    ),
    3: device(
      "virtio/mmio.ts",
      test(
        T.MMIO,
        "an interrupt bit stands until it is acknowledged; a reset clears the bits and QueueReady",
      ),
    ),
    4: deviates(
      "a change of the configuration sets the bit of used buffers as well",
      test(
        T.MMIO,
        "a change of the configuration changes ConfigGeneration; it sets both interrupt bits, as in QEMU",
      ),
    ),
    5: device(
      "virtio/mmio.ts",
      test(
        T.MMIO,
        "an interrupt bit stands until it is acknowledged; a reset clears the bits and QueueReady",
      ),
    ),
    6: device(
      "virtio/device.ts",
      test(
        T.MMIO,
        "a change of the configuration changes ConfigGeneration; it sets both interrupt bits, as in QEMU",
      ),
    ),
    7: deviates(
      "a queue whose QueueReady was set to 0 is used as before, until a reset",
      test(T.MMIO, "QueueReady 0 reads back, and the device goes on with the queue all the same, as QEMU"),
    ),
    "8-10": device("virtio/mmio.ts", RESET),
    11: [
      tested(RESET.file, RESET.name),
      notCheckable("a reset is done when the write that asks for it returns: there is no time in between"),
    ],
    12: device("virtio/mmio.ts", RESET),
  },
  [`drivernormative:${M} / MMIO Device Register Layout`]: {
    7: tested(T.MMIO_TRANSPORT, GUESSED),
    9: tested(T.MMIO_TRANSPORT, GUESSED),
    11: [
      tested(T.DRIVER, "an empty slot is no error: not a line above trace in the log"),
      notCheckable("what counts as an error is within the driver; only what it does with the slot is seen"),
    ],
    22: tested(T.VIRTQ, "${kind}: RING_RESET gives the buffers back and the queue works again"),
    23: notCheckable(T.UNUSED),
  },
  [`drivernormative:${INIT} / Notifications From The Device`]: {
    2: tested(
      T.PCI_TRANSPORT,
      "refused vectors: INTx, level and active low, asks the ISR whose interrupt it was",
    ),
  },
};
