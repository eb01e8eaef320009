import { ConsoleControl, ConsoleQueue } from "../../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../../spec/virtio/features.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Finding, Rule, Watcher } from "../../rule.ts";
import { gather, lengthOf, shownBytes } from "../support/segments.ts";
import { isConsole } from "./direction.ts";

/** Bytes of struct virtio_console_control: id le32, event le16, value le16 (virtio 1.4, 5.3.6.2). */
const MESSAGE = 8;
/** Nanoseconds in which a driver must have answered. */
const PATIENCE = 1e9;

const MULTIPORT =
  "drivernormative:Device Types / Console Device / Device Operation / Multiport Device Operation";
const SECTION = "virtio 1.4, 5.3.6.2";
const { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, PORT_OPEN } = ConsoleControl;
/** What drivers may send. */
const FROM_DRIVER: readonly number[] = [DEVICE_READY, PORT_READY, PORT_OPEN];
const NAMES = new Map<number, string>(Object.entries(ConsoleControl).map(([name, n]) => [n, name]));

/** A control message. */
interface Message {
  readonly port: number;
  readonly event: number;
  readonly value: number;
}
const nameOf = ({ event }: Message) => NAMES.get(event) ?? `event ${event}`;

function readMessage(machine: MachineModel, chain: Chain, writable: boolean): Message | undefined {
  if (lengthOf(chain, writable) < MESSAGE) return undefined;
  const bytes = gather(machine, chain, writable, 0, MESSAGE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, MESSAGE);
  return { port: view.getUint32(0, true), event: view.getUint16(4, true), value: view.getUint16(6, true) };
}

const isControl = (queue: QueueModel, index: number): boolean =>
  queue.index === index && isConsole(queue.device) && queue.device.has(ConsoleF.MULTIPORT);

/** A watcher of the messages that driver and device send. */
function watchMessages(
  machine: MachineModel,
  on: {
    sent(queue: QueueModel, message: Message, chain: Chain): void;
    received?(queue: QueueModel, message: Message): void;
  },
): Watcher {
  return {
    published(queue, chain) {
      if (!isControl(queue, ConsoleQueue.CTRL_TRANSMIT) || chain.faults.length > 0) return;
      const message = readMessage(machine, chain, false);
      if (message !== undefined) on.sent(queue, message, chain);
    },
    used(queue, chain, _id, written) {
      if (chain === undefined || written < MESSAGE || !isControl(queue, ConsoleQueue.CTRL_RECEIVE)) return;
      const message = readMessage(machine, chain, true);
      if (message !== undefined) on.received?.(queue, message);
    },
  };
}

export const CONSOLE_DEVICE_READY: Rule = {
  id: "console-device-ready",
  clauses: [`${MULTIPORT}#1`],
  level: "violation",
  section: SECTION,
  title: "With MULTIPORT the driver says DEVICE_READY, before any other message.",
  hint: "Send {id 0, event 0, value 1} on queue 3 after DRIVER_OK: the device adds no port before.",
  watch({ machine, report }) {
    const waiting = new Map<DeviceModel, number>();
    const look = (patience: number) => {
      for (const [device, since] of waiting) {
        if (machine.time < since + patience || !device.live) continue;
        waiting.delete(device);
        report({
          device,
          found: `MULTIPORT was negotiated, and no DEVICE_READY was sent in ${machine.time - since} ns`,
          expected: "DEVICE_READY on the control transmit queue (3)",
        });
      }
    };
    return {
      driverOk(device) {
        if (isConsole(device) && device.has(ConsoleF.MULTIPORT)) waiting.set(device, machine.time);
      },
      reset: (device) => void waiting.delete(device),
      ...watchMessages(machine, {
        sent(queue, message, chain) {
          if (waiting.delete(queue.device) && message.event !== DEVICE_READY) {
            report({
              device: queue.device,
              queue,
              found: `the first message is ${nameOf(message)}`,
              expected: "DEVICE_READY",
              evidence: shownBytes(machine, chain, false, "message", 0, MESSAGE),
              place: chain.place,
            });
          }
        },
      }),
      idle: () => look(PATIENCE),
      end: () => look(PATIENCE / 100),
    };
  },
};

export const CONSOLE_MESSAGE: Rule = {
  id: "console-message",
  clauses: [],
  level: "violation",
  section: SECTION,
  title: "Control messages of the driver are 8 bytes and one of DEVICE_READY, PORT_READY and PORT_OPEN.",
  hint: "id is a le32, event and value are le16; the other events are the device's.",
  watch({ machine, report }) {
    const told = (queue: QueueModel, chain: Chain, finding: Pick<Finding, "found" | "expected">) =>
      report({
        device: queue.device,
        queue,
        ...finding,
        evidence: shownBytes(machine, chain, false, "message", 0, MESSAGE),
        place: chain.place,
      });
    return {
      published(queue, chain) {
        if (!isControl(queue, ConsoleQueue.CTRL_TRANSMIT) || chain.faults.length > 0) return;
        const length = lengthOf(chain, false);
        const message = readMessage(machine, chain, false);
        if (message === undefined) {
          told(queue, chain, {
            found: `a message of ${length} bytes`,
            expected: `${MESSAGE}: id, event, value`,
          });
        } else if (!FROM_DRIVER.includes(message.event)) {
          told(queue, chain, {
            found: `the driver sends ${nameOf(message)}`,
            expected: "DEVICE_READY (0), PORT_READY (3) or PORT_OPEN (6)",
          });
        } else if (message.value > 1) {
          told(queue, chain, { found: `${nameOf(message)} with value ${message.value}`, expected: "0 or 1" });
        }
      },
    };
  },
};

/** An answer that the driver owes. */
interface Owed {
  readonly device: DeviceModel;
  readonly port: number;
  readonly since: number;
}

/** A watcher for what must follow a message of the device. */
function watchAnswers(
  { machine, report }: Parameters<Rule["watch"]>[0],
  asks: number,
  answers: number,
  wrong: (message: Message) => string | undefined,
): Watcher {
  const owed = new Map<string, Owed>();
  const key = (device: DeviceModel, port: number) => `${device.name}|${port}`;
  const look = (patience: number) => {
    for (const [at, { device, port, since }] of owed) {
      if (machine.time < since + patience || !device.live) continue;
      owed.delete(at);
      report({
        device,
        found: `the device sent ${NAMES.get(asks)} for port ${port}, and no ${
          NAMES.get(answers)
        } followed in ${machine.time - since} ns`,
        expected: `${NAMES.get(answers)} for port ${port}`,
      });
    }
  };
  return {
    ...watchMessages(machine, {
      received({ device }, { event, port }) {
        if (event === asks) owed.set(key(device, port), { device, port, since: machine.time });
        if (event === DEVICE_REMOVE) owed.delete(key(device, port));
      },
      sent(queue, message, chain) {
        const { device } = queue;
        if (message.event !== answers || !owed.delete(key(device, message.port))) return;
        const expected = wrong(message);
        if (expected === undefined) return;
        report({
          device,
          queue,
          found: `${nameOf(message)} with value ${message.value} for port ${message.port}`,
          expected,
          evidence: shownBytes(machine, chain, false, "message", 0, MESSAGE),
          place: chain.place,
        });
      },
    }),
    reset(device) {
      for (const [at, o] of owed) if (o.device === device) owed.delete(at);
    },
    idle: () => look(PATIENCE),
    end: () => look(PATIENCE / 10),
  };
}

export const CONSOLE_PORT_OPEN: Rule = {
  id: "console-port-open",
  clauses: [`${MULTIPORT}#3`, `${MULTIPORT}#4`],
  level: "violation",
  section: SECTION,
  title: "A driver that hears CONSOLE_PORT opens the port: PORT_OPEN with value 1.",
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
  title: "A driver that hears DEVICE_ADD says PORT_READY when it has set the port up.",
  hint:
    "The device tells what the port is (its name, whether it is a console) only after PORT_READY; value 0 says that the " +
    "driver could not.",
  watch: (scene) => watchAnswers(scene, DEVICE_ADD, PORT_READY, () => undefined),
};
