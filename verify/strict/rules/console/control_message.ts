import { ConsoleControl, ConsoleQueue } from "../../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../../spec/virtio/features.ts";
import type { Chain } from "../../model/chain.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Watcher } from "../../rule.ts";
import { gather, lengthOf, stretches } from "../support/segments.ts";
import { isConsole } from "./direction.ts";

/** Of struct virtio_console_control (virtio 1.4, 5.3.6.2): id le32, event le16, value le16; and its length. */
const EVENT = 4, VALUE = 6;
export const MESSAGE = 8;

export const MULTIPORT =
  "drivernormative:Device Types / Console Device / Device Operation / Multiport Device Operation";
export const SECTION = "virtio 1.4, 5.3.6.2";

const NAMES = new Map<number, string>(Object.entries(ConsoleControl).map(([name, n]) => [n, name]));
/** `PORT_OPEN`. */
export const eventName = (event: number): string => NAMES.get(event) ?? `event ${event}`;

/** A control message. */
export interface Message {
  readonly port: number;
  readonly event: number;
  readonly value: number;
}

/** Undefined where there is not even an event; a value that is missing counts as 0. */
export function readMessage(machine: MachineModel, chain: Chain, writable: boolean): Message | undefined {
  if (lengthOf(chain, writable) < VALUE) return undefined;
  const view = new DataView(new ArrayBuffer(MESSAGE));
  new Uint8Array(view.buffer).set(gather(machine, chain, writable, 0, MESSAGE));
  return {
    port: view.getUint32(0, true),
    event: view.getUint16(EVENT, true),
    value: view.getUint16(VALUE, true),
  };
}

/** Whether a queue is one of the two for control messages. */
export const isControl = (queue: QueueModel, index: number): boolean =>
  queue.index === index && isConsole(queue.device) && queue.device.has(ConsoleF.MULTIPORT);

/** A watcher of the messages that the driver sends, and of those of the device that it has looked at. */
export function watchMessages(
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
