import { ConsoleControl, ConsoleQueue } from "../../../../spec/virtio/console.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Finding, Rule } from "../../rule.ts";
import { lengthOf, shownBytes } from "../support/segments.ts";
import { eventName, isControl, MESSAGE, readMessage, SECTION } from "./control_message.ts";

const { DEVICE_READY, DEVICE_ADD, PORT_READY, PORT_OPEN } = ConsoleControl;
/** What drivers may send. */
const FROM_DRIVER: readonly number[] = [DEVICE_READY, PORT_READY, PORT_OPEN];

export const CONSOLE_MESSAGE: Rule = {
  id: "console-message",
  clauses: [],
  level: "violation",
  section: SECTION,
  title:
    "Control messages of the driver are 8 bytes, one of DEVICE_READY, PORT_READY and PORT_OPEN, for a port that there is",
  hint:
    "id is a le32, event and value are le16; the other events are the device's, which adds ports with DEVICE_ADD.",
  watch({ machine, report }) {
    /** Ports that were added; the first is 0. */
    const ports = new Map<DeviceModel, Set<number>>();
    const wrong = (chain: Chain, device: DeviceModel): Pick<Finding, "found" | "expected"> | undefined => {
      const length = lengthOf(chain, false);
      if (length < MESSAGE) {
        return { found: `a message of ${length} bytes`, expected: `${MESSAGE}: id, event, value` };
      }
      const { event, value, port } = readMessage(machine, chain, false)!;
      if (!FROM_DRIVER.includes(event)) {
        return {
          found: `the driver sends ${eventName(event)}`,
          expected: "DEVICE_READY (0), PORT_READY (3) or PORT_OPEN (6)",
        };
      }
      if (value > 1) return { found: `${eventName(event)} with value ${value}`, expected: "0 or 1" };
      if (event === DEVICE_READY || ports.get(device)?.has(port)) return undefined;
      return { found: `${eventName(event)} for port ${port}`, expected: "a port that the device has added" };
    };
    return {
      published(queue, chain) {
        if (!isControl(queue, ConsoleQueue.CTRL_TRANSMIT) || chain.faults.length > 0) return;
        const { device } = queue, problem = wrong(chain, device);
        if (problem === undefined) return;
        const evidence = shownBytes(machine, chain, false, "message", 0, MESSAGE);
        report({ device, queue, ...problem, evidence, place: chain.place });
      },
      used(queue, chain, _id, written) {
        if (chain === undefined || written < MESSAGE || !isControl(queue, ConsoleQueue.CTRL_RECEIVE)) return;
        const message = readMessage(machine, chain, true);
        if (message?.event !== DEVICE_ADD) return;
        let known = ports.get(queue.device);
        if (known === undefined) ports.set(queue.device, known = new Set());
        // A port that is removed later may still be spoken of by who has not heard of it.
        known.add(message.port);
      },
      reset: (device) => void ports.delete(device),
    };
  },
};
