import { NetF } from "../../../../spec/virtio/features.ts";
import { NetConfig, NetCtrl, NetCtrlMac, NetGso } from "../../../../spec/virtio/net.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { ETHERTYPE_ARP } from "../../../../inet/ethernet.ts";
import { readCommand } from "./ctrl_command.ts";
import { ethernetHeader } from "./layout.ts";
import { NetQueues } from "./queues.ts";
import { transmitRule } from "./tx_rule.ts";
import { otherHeaderSize, txPacket } from "./tx_packet.ts";

const CONFIG = "drivernormative:Device Types / Network Device / Device configuration layout";

export const NET_TX_MTU = transmitRule(
  {
    id: "net-tx-mtu",
    clauses: [`${CONFIG}#9`],
    level: "violation",
    section: "virtio 1.4, 5.1.4.2",
    title: "With MTU no frame is longer than mtu and its Ethernet header, unless the device is to cut it",
    hint: "The stack must learn the device's mtu: cut, or fragment, what is longer.",
  },
  ({ packet, device, queues }) => {
    if (!device.has(NetF.MTU) || (packet.gsoType & ~NetGso.ECN) !== NetGso.NONE) return undefined;
    const mtu = queues.config.u16(device, NetConfig.MTU);
    if (mtu === undefined) return undefined;
    const header = ethernetHeader(packet.frame).length, payload = packet.frame.length - header;
    return payload <= mtu ? undefined : {
      found: `a frame of ${packet.frame.length} bytes: ${payload} behind its Ethernet header of ${header}`,
      expected: `${mtu} at most, which is the device's mtu`,
    };
  },
);

const macText = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(":");
const same = (a: Uint8Array, b: Uint8Array) => a.every((byte, i) => byte === b[i]);
/** Where an ARP packet over Ethernet has its sender's hardware address, from its start (RFC 826). */
const ARP_SENDER = 8;

/** What a card's frames have said so far. */
interface Sender {
  /** Set through the control queue. */
  readonly given: Uint8Array[];
  /** A frame left with one of the card's addresses, or the fault was told. */
  settled: boolean;
}

export const NET_MAC: Rule = {
  id: "net-mac",
  clauses: [`${CONFIG}#3`],
  level: "violation",
  section: "virtio 1.4, 5.1.4.2",
  title: "With MAC the card's address is the one in the device's configuration",
  hint:
    "Read the six bytes of mac one by one (offset 0 to 5), after MAC was negotiated; they are no number, so no order " +
    "of bytes applies. Another address is set with the command MAC_ADDR_SET.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const senders = new Map<DeviceModel, Sender>();
    const senderOf = (device: DeviceModel) => {
      let sender = senders.get(device);
      if (sender === undefined) senders.set(device, sender = { given: [], settled: false });
      return sender;
    };
    return {
      access: (access) => queues.access(access),
      reset: (device) => void senders.delete(device),
      published(queue, chain) {
        const kind = queues.kindOf(queue), { device } = queue;
        if (kind === "control") {
          const command = readCommand(machine, chain);
          if (command?.kind !== NetCtrl.MAC || command.command !== NetCtrlMac.ADDR_SET) return;
          senderOf(device).given.push(command.data.slice(0, 6));
        }
        const packet = kind === "transmit" && chain.faults.length === 0
          ? txPacket(machine, device, chain)
          : undefined;
        if (packet === undefined || !device.has(NetF.MAC) || packet.frame.length < 14) return;
        const sender = senderOf(device);
        if (sender.settled || otherHeaderSize(machine, queues, queue, chain) !== undefined) return;
        const mac = queues.config.read(device, NetConfig.MAC, 6);
        const source = packet.frame.subarray(6, 12);
        if (mac === undefined) {
          if (sender.given.length > 0) return;
          sender.settled = true;
          report({
            device,
            queue,
            found: `a frame of ${macText(source)} is sent, and the driver has not read mac`,
            expected: "mac (configuration bytes 0 to 5) as the card's address",
            place: chain.place,
          });
        } else if (same(source, mac) || sender.given.some((g) => same(source, g))) {
          sender.settled = true;
        } else if (speaksForItself(packet.frame)) {
          sender.settled = true;
          report({
            device,
            queue,
            found: `an ARP packet says that the card's address is ${macText(source)}`,
            expected: `${macText(mac)}, as mac of the configuration`,
            place: chain.place,
          });
        }
      },
    };
  },
};

/** An ARP packet whose sender is the frame's source: no frame that is passed on for somebody with another address. */
function speaksForItself(frame: Uint8Array): boolean {
  const { length, type } = ethernetHeader(frame);
  const sender = frame.subarray(length + ARP_SENDER, length + ARP_SENDER + 6);
  return type === ETHERTYPE_ARP && sender.length === 6 && same(sender, frame.subarray(6, 12));
}
