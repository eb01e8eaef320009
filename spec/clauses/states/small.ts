import { deviates, device, notOffered, type States, test, tested } from "../state.ts";
import * as T from "./files.ts";

const CONSOLE = "Device Types / Console Device";
const RNG = "Device Types / Entropy Device";
const HANDSHAKE = "MULTIPORT: the handshake of control messages, then the port is open";

/** The console device. */
export const console: States = {
  [`devicenormative:${CONSOLE} / Device Initialization`]: {
    "1-2": device(
      "virtio/console.ts",
      test(
        T.CONSOLE_MODEL,
        "emergency write: one character without queues or status; other fields are read-only",
      ),
    ),
  },
  [`devicenormative:${CONSOLE} / Device Operation / Multiport Device Operation`]: {
    1: [
      device("virtio/console.ts", test(T.CONSOLE_MODEL, HANDSHAKE)),
      device(
        "virtio/console_port.ts",
        test(T.CONSOLE_MODEL, "ports: numbers as QEMU gives them, and what is refused"),
      ),
      deviates(
        "a second DEVICE_READY is answered with DEVICE_ADD of ports that are there already",
        test(T.BASIC, "a console that hears DEVICE_READY again names its ports again, as QEMU's"),
      ),
    ],
    2: notOffered("ports cannot be unplugged: DEVICE_REMOVE is never sent"),
  },
  [`drivernormative:${CONSOLE} / Device Operation / Multiport Device Operation`]: {
    2: notOffered("no driver takes MULTIPORT"),
  },
};

/** The entropy device. */
export const rng: States = {
  [`devicenormative:${RNG} / Device Operation`]: {
    1: device(
      "virtio/rng.ts",
      test(T.RNG_MODEL, "every waiting chain is filled from the machine's generator, with one interrupt"),
    ),
    2: tested(T.RNG_MODEL, "max-bytes cuts the last chain short; the rest waits for the next period"),
  },
};
