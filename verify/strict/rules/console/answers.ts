import { ConsoleControl } from "../../../../spec/virtio/console.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { Owed } from "../support/owed.ts";
import { shownBytes } from "../support/segments.ts";
import { eventName, MESSAGE, type Message, MULTIPORT, SECTION, watchMessages } from "./control_message.ts";

const { DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, PORT_OPEN } = ConsoleControl;

/** A watcher for what must follow a message of the device. */
function watchAnswers(
  { machine, report }: Scene,
  asks: number,
  answers: number,
  wrong: (message: Message) => string | undefined,
): Watcher {
  const owed = new Owed(machine);
  const watcher = watchMessages(machine, {
    received({ device }, { event, port }) {
      if (event === DEVICE_REMOVE) owed.done(device, `${port}`);
      if (event !== asks) return;
      owed.add(device, `${port}`, (since) =>
        report({
          device,
          found: `the device sent ${eventName(asks)} for port ${port}, and no ${
            eventName(answers)
          } followed in ${machine.time - since} ns`,
          expected: `${eventName(answers)} for port ${port}`,
        }));
    },
    sent(queue, message, chain) {
      const { device } = queue;
      if (message.event !== answers || !owed.done(device, `${message.port}`)) return;
      const expected = wrong(message);
      if (expected === undefined) return;
      report({
        device,
        queue,
        found: `${eventName(message.event)} with value ${message.value} for port ${message.port}`,
        expected,
        evidence: shownBytes(machine, chain, false, "message", 0, MESSAGE),
        place: chain.place,
      });
    },
  });
  return {
    ...watcher,
    reset(device) {
      watcher.reset?.(device);
      owed.close(device);
    },
    idle: () => owed.idle(),
    end: () => owed.close(),
  };
}

export const CONSOLE_PORT_OPEN: Rule = {
  id: "console-port-open",
  clauses: [`${MULTIPORT}#3`, `${MULTIPORT}#4`],
  level: "violation",
  section: SECTION,
  title: "A driver that hears CONSOLE_PORT opens the port: PORT_OPEN with value 1",
  hint: "Answer on queue 3 with the same id, event 6 and value 1.",
  watch: (scene) =>
    watchAnswers(
      scene,
      CONSOLE_PORT,
      PORT_OPEN,
      ({ value }) => value === 1 ? undefined : "value 1: the port is open",
    ),
};

export const CONSOLE_PORT_READY: Rule = {
  id: "console-port-ready",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 5.3.5",
  title: "A driver that hears DEVICE_ADD says PORT_READY when it has set the port up",
  hint:
    "The device tells what the port is (its name, whether it is a console) only after PORT_READY; value 0 says that the " +
    "driver could not.",
  watch: (scene) => watchAnswers(scene, DEVICE_ADD, PORT_READY, () => undefined),
};
