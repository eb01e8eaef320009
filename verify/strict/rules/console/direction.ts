import { ConsoleF } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { type Direction, watchDirection } from "../support/direction.ts";

const CONSOLE = "drivernormative:Device Types / Console Device / Device Operation";
const SECTION = "virtio 1.4, 5.3.6.1";
const HINT =
  "Queue 0 receives, queue 1 transmits; with MULTIPORT 2 and 3 are for control messages, and even numbers receive. " +
  "The WRITE flag (2) of a descriptor says that the device writes.";

export const isConsole = (device: DeviceModel): boolean =>
  device.virtioId === VirtioId.Console && !device.legacy;

/** What a queue of a console is for (virtio 1.4, 5.3.2). */
export function consoleDirection({ device, index }: QueueModel): Direction {
  if (!isConsole(device) || index > 1 && !device.has(ConsoleF.MULTIPORT)) return undefined;
  return index % 2 === 0 ? "receive" : "send";
}

export const CONSOLE_RECEIVE_WRITABLE: Rule = {
  id: "console-receive-writable",
  clauses: [`${CONSOLE}#1`],
  level: "violation",
  section: SECTION,
  title: "A receive queue of a console holds writable buffers alone",
  hint: HINT,
  watch: (scene) => watchDirection(scene, (q) => consoleDirection(q) === "receive" ? "receive" : undefined),
};

export const CONSOLE_TRANSMIT_READABLE: Rule = {
  id: "console-transmit-readable",
  clauses: [`${CONSOLE}#2`],
  level: "violation",
  section: SECTION,
  title: "A transmit queue of a console holds readable buffers alone",
  hint: HINT,
  watch: (scene) => watchDirection(scene, (q) => consoleDirection(q) === "send" ? "send" : undefined),
};
