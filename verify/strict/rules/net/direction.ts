import type { Rule } from "../../rule.ts";
import { watchDirection } from "../support/direction.ts";
import { NetQueues } from "./queues.ts";

const HINT =
  "The WRITE flag (2) of a descriptor says that the device writes. Was a send buffer put where the receive buffer " +
  "was meant, or the other way round?";

export const NET_RX_WRITABLE: Rule = {
  id: "net-rx-writable",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 5.1.6.3",
  title: "Receive queues hold buffers that the device may write, and no others",
  hint: HINT,
  watch(scene) {
    const queues = new NetQueues();
    return {
      access: (access) => queues.access(access),
      ...watchDirection(scene, (queue) => queues.kindOf(queue) === "receive" ? "receive" : undefined),
    };
  },
};

export const NET_TX_READABLE: Rule = {
  id: "net-tx-readable",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 5.1.6.2",
  title: "Transmit queues hold buffers that the device reads, and no others",
  hint: HINT,
  watch(scene) {
    const queues = new NetQueues();
    return {
      access: (access) => queues.access(access),
      ...watchDirection(scene, (queue) => queues.kindOf(queue) === "transmit" ? "send" : undefined),
    };
  },
};
