import { foldSum, sumBytes } from "../../../../inet/checksum.ts";
import { NetGso, NetHdrF } from "../../../../spec/virtio/net.ts";
import {
  checksumOffset,
  ipHeaderSound,
  ipLayout,
  pseudoSum,
  sameSum,
  transportSound,
  u16,
} from "./layout.ts";
import { wantsChecksum } from "./tx_checksum.ts";
import { hex, shownFrame, transmitRule, type Transmitted, type TxProblem } from "./tx_rule.ts";

const TX = "drivernormative:Device Types / Network Device / Device Operation / Packet Transmission";
const SECTION = "virtio 1.4, 5.1.6.2.1";

export const NET_TX_IP_CHECKSUM = transmitRule(
  {
    id: "net-tx-ip-checksum",
    clauses: [`${TX}#28`],
    level: "violation",
    section: SECTION,
    title: "With NEEDS_CSUM every checksum before the one that the device completes is right already",
    hint:
      "The device completes the transport checksum alone; the header checksum of IPv4 is the driver's, or the stack's.",
  },
  (sent) => wantsChecksum(sent) ? wrongIpHeader(sent) : undefined,
);

function wrongIpHeader(sent: Transmitted): TxProblem | undefined {
  const { frame } = sent.packet;
  const layout = ipLayout(frame);
  if (layout === undefined || ipHeaderSound(frame, layout)) return undefined;
  const { ip, transport } = layout;
  const rest = foldSum(sumBytes(frame, ip, transport) + (u16(frame, ip + 10) ^ 0xffff));
  return {
    found: `the header checksum of the IPv4 packet is ${hex(u16(frame, ip + 10))}`,
    expected: hex(rest ^ 0xffff),
    evidence: shownFrame(sent, "IPv4 header", ip, transport),
  };
}

export const NET_TX_COMPLETE = transmitRule(
  {
    id: "net-tx-complete",
    clauses: [`${TX}#4`],
    level: "warning",
    section: SECTION,
    title: "A frame whose flags do not ask for a checksum has complete checksums",
    hint:
      "Without NEEDS_CSUM nobody sums again: receivers drop the frame. Either compute the checksum, or negotiate CSUM " +
      "and set NEEDS_CSUM with csum_start and csum_offset.",
  },
  (sent) => {
    const { packet } = sent;
    if ((packet.flags & NetHdrF.NEEDS_CSUM) !== 0 || packet.gsoType !== NetGso.NONE) return undefined;
    const header = wrongIpHeader(sent);
    if (header !== undefined) return header;
    const layout = ipLayout(packet.frame);
    if (layout === undefined || transportSound(packet.frame, layout)) return undefined;
    const { transport, protocol } = layout;
    const at = transport + checksumOffset(protocol!);
    const field = u16(packet.frame, at);
    const sum = foldSum(
      sumBytes(packet.frame, transport, layout.end) + pseudoSum(packet.frame, layout) + (field ^ 0xffff),
    );
    return {
      found: `the ${protocol} checksum is ${hex(field)}${
        sameSum(field, pseudoSum(packet.frame, layout)) ? ", the sum of the pseudo header alone" : ""
      }`,
      expected: hex(sum ^ 0xffff),
      evidence: shownFrame(sent, "transport header", transport, transport + 20),
    };
  },
);
