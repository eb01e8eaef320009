import { NetCtrl, NetCtrlAck, NetCtrlMq, receiveQueue, transmitQueue } from "../../../../spec/virtio/net.ts";
import { NetF } from "../../../../spec/virtio/features.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { type NetCommand, readCommand } from "./ctrl_command.ts";
import { controlRule } from "./ctrl_rule.ts";
import { NetQueues } from "./queues.ts";

const MQ = "drivernormative:Device Types / Network Device / Device Operation / Control Virtqueue / " +
  "Automatic receive steering in multiqueue mode";
const SECTION = "virtio 1.4, 5.1.6.5.6.1";

/** Pairs that a command asks for; undefined for other commands. */
function pairsOf({ kind, command, data }: NetCommand): number | undefined {
  if (kind !== NetCtrl.MQ || data.length < 2) return undefined;
  if (command === NetCtrlMq.VQ_PAIRS_SET) return data[0] | data[1] << 8;
  return undefined;
}

export const NET_CTRL_PAIRS_RANGE = controlRule(
  {
    id: "net-ctrl-pairs-range",
    clauses: [`${MQ}#2`],
    level: "violation",
    section: SECTION,
    title: "VQ_PAIRS_SET asks for 1 pair at least and max_virtqueue_pairs at most",
    hint: "The number of pairs, not of queues, as le16.",
  },
  ({ command, device, queues }) => {
    const pairs = pairsOf(command), max = queues.maxPairs(device);
    if (pairs === undefined || max === undefined || !device.has(NetF.MQ) || pairs >= 1 && pairs <= max) {
      return undefined;
    }
    return { found: `VQ_PAIRS_SET with ${pairs}`, expected: `1 to ${max}, which is max_virtqueue_pairs` };
  },
);

export const NET_CTRL_PAIRS_QUEUES = controlRule(
  {
    id: "net-ctrl-pairs-queues",
    clauses: [`${MQ}#1`],
    level: "violation",
    section: SECTION,
    title: "Queues are set up before VQ_PAIRS_SET puts them to use",
    hint: "Enable the receive and the transmit queue of every pair before DRIVER_OK, then send the command.",
  },
  ({ command, device, queues }) => {
    const pairs = pairsOf(command), max = queues.maxPairs(device);
    if (pairs === undefined || max === undefined || pairs > max) return undefined;
    for (let i = 0; i < 2 * pairs; i++) {
      if (device.queues.get(i)?.enabled) continue;
      return {
        found: `VQ_PAIRS_SET with ${pairs}, and queue ${i} is not enabled`,
        expected: `queues 0 to ${2 * pairs - 1}`,
      };
    }
    return undefined;
  },
);

/** How many pairs a card uses. */
interface Pairs {
  /** What the device has agreed to. */
  agreed: number;
  /** The command under way. */
  asked: { readonly chain: Chain; readonly pairs: number; readonly answer: number | undefined } | undefined;
}

export const NET_TX_PAIR: Rule = {
  id: "net-tx-pair",
  clauses: [`${MQ}#3`, `${MQ}#4`],
  level: "violation",
  section: SECTION,
  title: "Frames go to transmit queues of pairs that are in use: the first, until VQ_PAIRS_SET says more",
  hint:
    "MQ alone puts no second pair to use: send VQ_PAIRS_SET first, and look whether the device agreed. With fewer pairs " +
    "the rest is out of use as soon as the command is there.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const states = new Map<DeviceModel, Pairs>();
    const stateOf = (device: DeviceModel) => {
      let state = states.get(device);
      if (state === undefined) states.set(device, state = { agreed: 1, asked: undefined });
      return state;
    };
    return {
      access: (access) => queues.access(access),
      reset: (device) => void states.delete(device),
      published(queue, chain) {
        const kind = queues.kindOf(queue);
        if (kind === undefined) return;
        const { device } = queue, state = stateOf(device);
        if (kind === "control") {
          const command = readCommand(machine, chain);
          // Receive-side scaling has rules of its own for the number of queues.
          if (command?.kind === NetCtrl.MQ && command.command === NetCtrlMq.RSS_CONFIG) {
            state.agreed = Infinity;
          }
          const pairs = command && pairsOf(command);
          if (pairs === undefined) return;
          state.asked = { chain, pairs, answer: command!.answer };
        } else if (kind === "transmit") {
          const pair = (queue.index - 1) / 2;
          const limit = state.asked?.pairs ?? state.agreed;
          if (pair < limit) return;
          report({
            device,
            queue,
            found: `a frame on transmitq${pair + 1} (queue ${transmitQueue(pair)}), while ${limit} ${
              limit === 1 ? "pair is" : "pairs are"
            } in use`,
            expected: limit === 1 ? "transmitq1 alone" : `transmitq1 to transmitq${limit}`,
            place: chain.place,
          });
        }
      },
      used(queue, chain) {
        const state = states.get(queue.device);
        if (chain === undefined || state?.asked?.chain !== chain) return;
        const { pairs, answer } = state.asked;
        state.asked = undefined;
        if (answer === undefined || machine.u8(answer) === NetCtrlAck.OK) state.agreed = pairs;
      },
    };
  },
};

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
