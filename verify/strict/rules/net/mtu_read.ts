import { NetConfig } from "../../../../spec/virtio/net.ts";
import { NetF } from "../../../../spec/virtio/features.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { ethernetHeader } from "./layout.ts";
import { NetQueues } from "./queues.ts";
import { txPacket } from "./tx_packet.ts";

/** No device may say less (virtio 1.4, 5.1.4.1). */
const SMALLEST_MTU = 68;

/** What the device allows is not known unless it is read. */
export const NET_MTU_READ: Rule = {
  id: "net-mtu-read",
  clauses: ["drivernormative:Device Types / Network Device / Device configuration layout#9"],
  level: "warning",
  section: "virtio 1.4, 5.1.4.2",
  title: "With MTU the driver reads mtu before it sends frames that may be too long",
  hint: "mtu is a le16 at configuration byte 10; the stack must keep to it.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const told = new Set<DeviceModel>();
    return {
      access: (access) => queues.access(access),
      published(queue, chain) {
        const { device } = queue;
        if (!device.has(NetF.MTU) || told.has(device) || queues.kindOf(queue) !== "transmit") return;
        if (queues.config.u16(device, NetConfig.MTU) !== undefined || chain.faults.length > 0) return;
        const packet = txPacket(machine, device, chain);
        if (packet === undefined) return;
        const payload = packet.frame.length - ethernetHeader(packet.frame).length;
        if (payload <= SMALLEST_MTU) return;
        told.add(device);
        report({
          device,
          queue,
          found: `a frame with ${payload} bytes behind its Ethernet header is sent, and mtu was never read`,
          expected: `mtu read, which may be as little as ${SMALLEST_MTU}`,
          place: chain.place,
        });
      },
    };
  },
};
