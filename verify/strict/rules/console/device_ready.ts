import { ConsoleControl } from "../../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../../spec/virtio/features.ts";
import type { Rule } from "../../rule.ts";
import { Owed } from "../support/owed.ts";
import { shownBytes } from "../support/segments.ts";
import { eventName, MESSAGE, MULTIPORT, SECTION, watchMessages } from "./control_message.ts";
import { isConsole } from "./direction.ts";

export const CONSOLE_DEVICE_READY: Rule = {
  id: "console-device-ready",
  clauses: [`${MULTIPORT}#1`],
  level: "violation",
  section: SECTION,
  title: "With MULTIPORT the driver says DEVICE_READY, before any other message",
  hint: "Send {id 0, event 0, value 1} on queue 3 after DRIVER_OK: the device adds no port before.",
  watch({ machine, report }) {
    const owed = new Owed(machine);
    return {
      driverOk(device) {
        if (!isConsole(device) || !device.has(ConsoleF.MULTIPORT)) return;
        owed.add(device, "ready", (since) =>
          report({
            device,
            found: `MULTIPORT was negotiated, and no DEVICE_READY was sent in ${machine.time - since} ns`,
            expected: "DEVICE_READY on the control transmit queue (3)",
          }));
      },
      published: watchMessages(machine, {
        sent(queue, message, chain) {
          if (!owed.done(queue.device, "ready") || message.event === ConsoleControl.DEVICE_READY) return;
          report({
            device: queue.device,
            queue,
            found: `the first message is ${eventName(message.event)}`,
            expected: "DEVICE_READY",
            evidence: shownBytes(machine, chain, false, "message", 0, MESSAGE),
            place: chain.place,
          });
        },
      }).published,
      reset: (device) => owed.close(device),
      idle: () => owed.idle(),
      end: () => owed.close(),
    };
  },
};
