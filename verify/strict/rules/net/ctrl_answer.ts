import { NetConfig, NetCtrl, NetStatus } from "../../../../spec/virtio/net.ts";
import { NetF } from "../../../../spec/virtio/features.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { configOffset } from "../support/config_seen.ts";
import { Owed } from "../support/owed.ts";
import { readCommand } from "./ctrl_command.ts";
import { commandText } from "./ctrl_rule.ts";
import { isNet, NetQueues } from "./queues.ts";

/** A command that the device has answered, or will. */
interface Asked {
  readonly queue: QueueModel;
  readonly chain: Chain;
  readonly what: string;
  readonly answer: number;
  used: boolean;
  /** The driver has looked at the ring since. */
  seen: boolean;
  read: boolean;
  /** The driver has gone on to something else since. */
  past: boolean;
}

export const NET_CTRL_ANSWER: Rule = {
  id: "net-ctrl-answer",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 5.1.6.5",
  title: "The device's answer to a command is looked at",
  hint: "Read the byte after the chain came back: 0 is OK, anything else means that the command did nothing.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const open = new Map<QueueModel, Asked>();
    const unread = (queue: QueueModel) => {
      const asked = open.get(queue);
      open.delete(queue);
      if (asked === undefined || !asked.seen || asked.read || !asked.past) return;
      report({
        device: queue.device,
        queue,
        found: `${asked.what}: the answer was never read`,
        expected: "its byte read after the command was used",
        evidence: [{ what: "answer", address: asked.answer, value: machine.hex(asked.answer, 1) }],
        place: asked.chain.place,
      });
    };
    const goesOn = () => {
      for (const asked of open.values()) asked.past ||= asked.seen;
    };
    return {
      idle: goesOn,
      access: (access) => queues.access(access),
      published(queue, chain) {
        goesOn();
        if (queues.kindOf(queue) !== "control" || chain.faults.length > 0) return;
        unread(queue);
        const command = readCommand(machine, chain);
        if (command?.answer === undefined) return;
        open.set(queue, {
          queue,
          chain,
          what: commandText(command),
          answer: command.answer,
          used: false,
          seen: false,
          read: false,
          past: false,
        });
      },
      used(queue, chain) {
        const asked = open.get(queue);
        if (chain !== undefined && asked?.chain === chain) asked.used = true;
      },
      read({ address, length, part }) {
        const used = part && open.get(part.queue);
        if (used?.used) used.seen = true;
        // Also before it is there: a driver may wait for this very byte.
        for (const asked of open.values()) {
          if (asked.answer >= address && asked.answer < address + length) asked.read = true;
        }
      },
      freed({ phys, length }) {
        for (const asked of open.values()) {
          if (asked.answer >= phys && asked.answer < phys + length) asked.past ||= asked.seen;
        }
      },
      queueStopped: unread,
      end() {
        for (const queue of [...open.keys()]) unread(queue);
      },
    };
  },
};

export const NET_ANNOUNCE: Rule = {
  id: "net-announce",
  clauses: [
    "drivernormative:Device Types / Network Device / Device Operation / Control Virtqueue / Gratuitous Packet Sending#2",
  ],
  level: "violation",
  section: "virtio 1.4, 5.1.6.5.4",
  title: "A driver that sees ANNOUNCE in the status answers with the command ANNOUNCE_ACK",
  hint: "The bit stays until the command is sent: later requests would not be seen.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const owed = new Owed(machine);
    const acking = new Map<DeviceModel, Chain>();
    const seen = (device: DeviceModel) => {
      const place = machine.place();
      owed.add(device, "ack", (since) =>
        report({
          device,
          found: `status was read with ANNOUNCE at ${since} ns, and no ANNOUNCE_ACK was sent in ${
            machine.time - since
          } ns`,
          expected: `class ANNOUNCE (${NetCtrl.ANNOUNCE}), command 0 on the control queue`,
          place,
        }));
    };
    return {
      access(access) {
        queues.access(access);
        const { device, width, value, write } = access;
        const offset = configOffset(access);
        if (write || offset === undefined || !isNet(device) || !device.has(NetF.GUEST_ANNOUNCE)) return;
        if (offset > NetConfig.STATUS || offset + width <= NetConfig.STATUS || acking.has(device)) return;
        const status = Math.floor(value / 2 ** (8 * (NetConfig.STATUS - offset)));
        if ((status & NetStatus.ANNOUNCE) !== 0) seen(device);
        else owed.done(device, "ack");
      },
      published(queue, chain) {
        if (queues.kindOf(queue) !== "control" || readCommand(machine, chain)?.kind !== NetCtrl.ANNOUNCE) {
          return;
        }
        owed.done(queue.device, "ack");
        acking.set(queue.device, chain);
      },
      used(queue, chain) {
        if (chain !== undefined && acking.get(queue.device) === chain) acking.delete(queue.device);
      },
      reset(device) {
        owed.close(device);
        acking.delete(device);
      },
      idle: () => owed.idle(),
      end: () => owed.close(),
    };
  },
};
