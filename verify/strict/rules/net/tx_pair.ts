import { NetCtrl, NetCtrlAck, NetCtrlMq, transmitQueue } from "../../../../spec/virtio/net.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { readCommand } from "./ctrl_command.ts";
import { PAIRS_SECTION, pairsOf, STEERING } from "./ctrl_pairs.ts";
import { NetQueues } from "./queues.ts";

/** How many pairs a card uses. */
interface Pairs {
  /** What the device has agreed to. */
  agreed: number;
  /** The command under way. */
  asked: { readonly chain: Chain; readonly pairs: number; readonly answer: number | undefined } | undefined;
}

export const NET_TX_PAIR: Rule = {
  id: "net-tx-pair",
  clauses: [`${STEERING}#3`, `${STEERING}#4`],
  level: "violation",
  section: PAIRS_SECTION,
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
