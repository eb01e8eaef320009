import { NetF } from "../../../../spec/virtio/features.ts";
import type { Rule } from "../../rule.ts";
import { watchExisting } from "../support/queue_exists.ts";
import { isNet, NetQueues } from "./queues.ts";

export const NET_QUEUE_EXISTS: Rule = {
  id: "net-queue-exists",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 5.1.2",
  title:
    "A network card has as many pairs of queues as it says, and a control queue if CTRL_VQ was negotiated",
  hint:
    "Receive queues are 0, 2, 4, ..., transmit queues 1, 3, 5, ...; the control queue follows the last pair that there is " +
    "(2 without MQ, else 2 * max_virtqueue_pairs), however many of them are used.",
  watch(scene) {
    const queues = new NetQueues();
    return {
      access: (access) => queues.access(access),
      ...watchExisting(scene, ({ device, index }) => {
        const pairs = isNet(device) ? queues.maxPairs(device) : undefined;
        if (pairs === undefined) return undefined;
        const control = device.has(NetF.CTRL_VQ);
        const last = 2 * pairs - (control ? 0 : 1);
        return {
          exists: index <= last,
          which: `queues 0 to ${last}, as CTRL_VQ was ${control ? "" : "not "}negotiated and ${
            pairs === 1 ? "there is one pair" : `there are ${pairs} pairs`
          }`,
        };
      }),
    };
  },
};
