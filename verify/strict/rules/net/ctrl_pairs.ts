import { NetCtrl, NetCtrlMq } from "../../../../spec/virtio/net.ts";
import { NetF } from "../../../../spec/virtio/features.ts";
import type { NetCommand } from "./ctrl_command.ts";
import { controlRule } from "./ctrl_rule.ts";

export const STEERING =
  "drivernormative:Device Types / Network Device / Device Operation / Control Virtqueue / " +
  "Automatic receive steering in multiqueue mode";
export const PAIRS_SECTION = "virtio 1.4, 5.1.6.5.6.1";

/** Pairs that a command asks for; undefined for other commands. */
export function pairsOf({ kind, command, data }: NetCommand): number | undefined {
  if (kind !== NetCtrl.MQ || data.length < 2) return undefined;
  if (command === NetCtrlMq.VQ_PAIRS_SET) return data[0] | data[1] << 8;
  return undefined;
}

export const NET_CTRL_PAIRS_RANGE = controlRule(
  {
    id: "net-ctrl-pairs-range",
    clauses: [`${STEERING}#2`],
    level: "violation",
    section: PAIRS_SECTION,
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
    clauses: [`${STEERING}#1`],
    level: "violation",
    section: PAIRS_SECTION,
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
