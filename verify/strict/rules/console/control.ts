import { ConsoleControl, ConsoleQueue } from "../../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../../spec/virtio/features.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Finding, Rule, Scene, Watcher } from "../../rule.ts";
import { Owed } from "../support/owed.ts";
import { gather, lengthOf, shownBytes, stretches } from "../support/segments.ts";
import { isConsole } from "./direction.ts";

/** Bytes of struct virtio_console_control: id le32, event le16, value le16 (virtio 1.4, 5.3.6.2). */
const EVENT = 4, VALUE = 6, MESSAGE = 8;
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

/** Undefined where there is not even an event; a value that is missing counts as 0. */
function readMessage(machine: MachineModel, chain: Chain, writable: boolean): Message | undefined {
  if (lengthOf(chain, writable) < VALUE) return undefined;
  const view = new DataView(new ArrayBuffer(MESSAGE));
  new Uint8Array(view.buffer).set(gather(machine, chain, writable, 0, MESSAGE));
  return {
    port: view.getUint32(0, true),
    event: view.getUint16(EVENT, true),
    value: view.getUint16(VALUE, true),
  };
}

const isControl = (queue: QueueModel, index: number): boolean =>
  queue.index === index && isConsole(queue.device) && queue.device.has(ConsoleF.MULTIPORT);

/** A watcher of the messages that the driver sends, and of those of the device that it has looked at. */
function watchMessages(
  machine: MachineModel,
  on: {
    sent?(queue: QueueModel, message: Message, chain: Chain): void;
    received?(queue: QueueModel, message: Message): void;
  },
): Watcher {
  /** By the address of the event: messages that came, and were not read yet. */
  const arrived = new Map<number, { readonly queue: QueueModel; readonly message: Message }>();
  return {
    published(queue, chain) {
      if (!isControl(queue, ConsoleQueue.CTRL_TRANSMIT) || chain.faults.length > 0) return;
      const message = readMessage(machine, chain, false);
      if (message !== undefined) on.sent?.(queue, message, chain);
    },
    used(queue, chain, _id, written) {
      if (chain === undefined || written < MESSAGE || !isControl(queue, ConsoleQueue.CTRL_RECEIVE)) return;
      const message = readMessage(machine, chain, true);
      const [at] = stretches(chain, true, EVENT, VALUE);
      if (message !== undefined) arrived.set(at.address, { queue, message });
    },
    read({ address, length }) {
      for (const [at, { queue, message }] of arrived) {
        if (at < address || at >= address + length) continue;
        arrived.delete(at);
        on.received?.(queue, message);
      }
    },
    reset: (device) => {
      for (const [at, { queue }] of arrived) if (queue.device === device) arrived.delete(at);
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
          if (!owed.done(queue.device, "ready") || message.event === DEVICE_READY) return;
          report({
            device: queue.device,
            queue,
            found: `the first message is ${nameOf(message)}`,
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

export const CONSOLE_MESSAGE: Rule = {
  id: "console-message",
  clauses: [],
  level: "violation",
  section: SECTION,
  title:
    "Control messages of the driver are 8 bytes, one of DEVICE_READY, PORT_READY and PORT_OPEN, for a port that there is.",
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
      const message = readMessage(machine, chain, false)!;
      const { event, value, port } = message;
      if (!FROM_DRIVER.includes(event)) {
        return {
          found: `the driver sends ${nameOf(message)}`,
          expected: "DEVICE_READY (0), PORT_READY (3) or PORT_OPEN (6)",
        };
      }
      if (value > 1) return { found: `${nameOf(message)} with value ${value}`, expected: "0 or 1" };
      if (event === DEVICE_READY || ports.get(device)?.has(port)) return undefined;
      return { found: `${nameOf(message)} for port ${port}`, expected: "a port that the device has added" };
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
        const { event, port } = readMessage(machine, chain, true)!;
        let known = ports.get(queue.device);
        if (known === undefined) ports.set(queue.device, known = new Set());
        // A port that was removed may still be spoken of by who has not heard of it.
        if (event === DEVICE_ADD) known.add(port);
      },
      reset: (device) => void ports.delete(device),
    };
  },
};

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
          found: `the device sent ${NAMES.get(asks)} for port ${port}, and no ${
            NAMES.get(answers)
          } followed in ${machine.time - since} ns`,
          expected: `${NAMES.get(answers)} for port ${port}`,
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
        found: `${nameOf(message)} with value ${message.value} for port ${message.port}`,
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
