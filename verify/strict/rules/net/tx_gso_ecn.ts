import { NetF } from "../../../../spec/virtio/features.ts";
import { NetGso } from "../../../../spec/virtio/net.ts";
import { ipLayout } from "./layout.ts";
import { gsoKind } from "./tx_gso.ts";
import { hex, transmitRule } from "./tx_rule.ts";

const TX = "drivernormative:Device Types / Network Device / Device Operation / Packet Transmission";
const SECTION = "virtio 1.4, 5.1.6.2.1";

/** TCP's CWR among the flags at byte 13 of its header: the one that must be on the first piece alone. */
const CWR = 0x80;

export const NET_TX_GSO_ECN = transmitRule(
  {
    id: "net-tx-gso-ecn",
    clauses: [`${TX}#15`],
    level: "violation",
    section: SECTION,
    title: "With HOST_ECN a TCP packet to be cut that tells of congestion is marked ECN",
    hint: "Set bit 0x80 of gso_type if CWR is set in the TCP header: only the first piece may carry it.",
  },
  ({ packet, device }) => {
    const type = gsoKind(packet.gsoType);
    if ((packet.gsoType & NetGso.ECN) !== 0 || !device.has(NetF.HOST_ECN)) return undefined;
    if (type !== NetGso.TCPV4 && type !== NetGso.TCPV6) return undefined;
    const layout = ipLayout(packet.frame);
    if (layout?.protocol !== "TCP" || (packet.frame[layout.transport + 13] & CWR) === 0) return undefined;
    return {
      found: `gso_type is ${hex(packet.gsoType)} for a packet with CWR`,
      expected: "the bit ECN (0x80)",
    };
  },
);

export const NET_TX_GSO_ECN_FEATURE = transmitRule(
  {
    id: "net-tx-gso-ecn-feature",
    clauses: [`${TX}#14`],
    level: "warning",
    section: SECTION,
    title: "Without HOST_ECN no TCP packet to be cut tells of congestion",
    hint: "Cut such packets in software, or negotiate HOST_ECN.",
  },
  ({ packet, device }) => {
    if (device.has(NetF.HOST_ECN)) return undefined;
    if ((packet.gsoType & NetGso.ECN) !== 0) {
      return { found: `gso_type is ${hex(packet.gsoType)}: it has the bit ECN`, expected: "no such packet" };
    }
    const type = gsoKind(packet.gsoType);
    const layout = type === NetGso.TCPV4 || type === NetGso.TCPV6 ? ipLayout(packet.frame) : undefined;
    if (layout?.protocol !== "TCP" || (packet.frame[layout.transport + 13] & CWR) === 0) return undefined;
    return { found: `a TCP packet with CWR and gso_type ${hex(packet.gsoType)}`, expected: "no such packet" };
  },
);
