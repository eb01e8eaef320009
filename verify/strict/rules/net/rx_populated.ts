import { receiveQueue } from "../../../../spec/virtio/net.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { readCommand } from "./ctrl_command.ts";
import { pairsOf } from "./ctrl_pairs.ts";
import { NetQueues } from "./queues.ts";

/** Nanoseconds after VQ_PAIRS_SET in which a driver may fill its queues. */
const PATIENCE = 1e9;

export const NET_RX_POPULATED: Rule = {
  id: "net-rx-populated",
  clauses: [
    "drivernormative:Device Types / Network Device / Device Operation / Setting Up Receive Buffers#5",
  ],
  level: "warning",
  section: "virtio 1.4, 5.1.6.3.1",
  title: "Each receive queue in use has buffers",
  hint:
    "Fill the receive queues of all pairs after DRIVER_OK, not only the first: what arrives for an empty one is lost.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const asked = new Map<DeviceModel, { pairs: number; at: number }>();
    const look = () => {
      for (const [device, { pairs, at }] of asked) {
        if (!device.live || machine.time < at + PATIENCE) continue;
        asked.delete(device);
        for (let pair = 0; pair < pairs; pair++) {
          const queue = device.queues.get(receiveQueue(pair));
          if (queue?.ring === undefined || queue.ring.published > 0) continue;
          report({
            device,
            queue,
            found: `no buffer was ever given to receiveq${
              pair + 1
            } (queue ${queue.index}); ${pairs} pairs are in use`,
            expected: "receive buffers in each",
          });
        }
      }
    };
    return {
      access: (access) => queues.access(access),
      reset: (device) => void asked.delete(device),
      published(queue, chain) {
        if (queues.kindOf(queue) !== "control") return;
        const command = readCommand(machine, chain);
        const pairs = command && pairsOf(command);
        if (pairs !== undefined) asked.set(queue.device, { pairs, at: machine.time });
      },
      idle: look,
      end: look,
    };
  },
};
