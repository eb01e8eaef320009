import { foldSum, sumBytes } from "../../../../inet/checksum.ts";
import { ETHERTYPE_ARP } from "../../../../inet/ethernet.ts";
import { PROTOCOL_ICMP } from "../../../../inet/ipv4.ts";
import { NetF } from "../../../../spec/virtio/features.ts";
import { NetGso, NetHdrF } from "../../../../spec/virtio/net.ts";
import {
  checksumOffset,
  ethernetHeader,
  type IpLayout,
  ipLayout,
  pseudoSum,
  sameSum,
  transportSound,
  u16,
} from "./layout.ts";
import { hex, shownFrame, transmitRule, type Transmitted, type TxProblem } from "./tx_rule.ts";

const TX = "drivernormative:Device Types / Network Device / Device Operation / Packet Transmission";
const SECTION = "virtio 1.4, 5.1.6.2.1";
const TUNNEL = NetGso.UDP_TUNNEL_IPV4 | NetGso.UDP_TUNNEL_IPV6;

/** A checksum is asked for, of a packet outside of tunnels. */
export const wantsChecksum = ({ packet, device }: Transmitted): boolean =>
  device.has(NetF.CSUM) && (packet.flags & NetHdrF.NEEDS_CSUM) !== 0 && (packet.gsoType & TUNNEL) === 0;

export const NET_TX_CHECKSUM_PLACE = transmitRule(
  {
    id: "net-tx-checksum-place",
    clauses: [`${TX}#30`],
    level: "violation",
    section: SECTION,
    title: "csum_start and csum_offset name the transport header and its checksum",
    hint:
      "csum_start counts from the start of the Ethernet frame, not of the virtio header or the IP packet; csum_offset " +
      "counts from csum_start: 16 for TCP, 6 for UDP. Both are little-endian.",
  },
  (sent) => wantsChecksum(sent) ? place(sent) : undefined,
);

function place(sent: Transmitted): TxProblem | undefined {
  const { csumStart, csumOffset, frame, gsoType } = sent.packet;
  const found = `csum_start is ${csumStart}, csum_offset ${csumOffset}`;
  const at = csumStart + csumOffset;
  if (at + 2 > frame.length) {
    return { found: `${found}, in a frame of ${frame.length} bytes`, expected: "a place within the frame" };
  }
  if (ethernetHeader(frame).type === ETHERTYPE_ARP) {
    return { found: `${found}, in an ARP packet`, expected: "flags 0: there is no checksum in it" };
  }
  const layout = ipLayout(frame);
  const icmp = layout && icmpChecksum(frame, layout);
  if (icmp !== undefined && at !== icmp) {
    return {
      found: `${found}, in an ICMP message`,
      expected: `flags 0, or the place of its checksum: csum_start ${layout!.transport}, csum_offset 2`,
    };
  }
  if (layout?.protocol === undefined) return undefined;
  const { transport, protocol } = layout;
  const offset = checksumOffset(protocol);
  if (csumStart === transport && csumOffset === offset) return undefined;
  // It may be the sum of something inside, as long as the outer packet comes out right.
  if (gsoType === NetGso.NONE && transportSound(completed(frame, csumStart, at), layout)) return undefined;
  return {
    found,
    expected: `csum_start ${transport} and csum_offset ${offset}: a ${protocol} header begins there`,
    evidence: shownFrame(sent, "start of the frame", 0, transport),
  };
}

/** Next header: ICMPv6 (RFC 4443). */
const PROTOCOL_ICMP6 = 58;

/** Where the checksum of an ICMP message is in a frame; undefined for other packets, and for fragments. */
function icmpChecksum(frame: Uint8Array, { version, ip, transport }: IpLayout): number | undefined {
  if (version === 4 && (u16(frame, ip + 6) & 0x3fff) !== 0) return undefined;
  const icmp = version === 4 ? frame[ip + 9] === PROTOCOL_ICMP : frame[ip + 6] === PROTOCOL_ICMP6;
  return icmp ? transport + 2 : undefined;
}

/** The frame as the device would send it. */
function completed(frame: Uint8Array, start: number, at: number): Uint8Array {
  const copy = frame.slice();
  const sum = foldSum(sumBytes(frame, start, frame.length)) ^ 0xffff;
  copy[at] = sum >>> 8;
  copy[at + 1] = sum;
  return copy;
}

export const NET_TX_PSEUDO_HEADER = transmitRule(
  {
    id: "net-tx-pseudo-header",
    clauses: [`${TX}#29`],
    level: "violation",
    section: SECTION,
    title:
      "With NEEDS_CSUM the checksum field holds the sum of the pseudo header, from which the device goes on",
    hint:
      "Sum source, destination, protocol and length of the transport's bytes, fold, and store without complementing. " +
      "A field that is 0, or complete already, makes the device send a wrong checksum.",
  },
  (sent) => {
    const { packet } = sent;
    const layout = wantsChecksum(sent) ? ipLayout(packet.frame) : undefined;
    if (layout?.protocol === undefined) return undefined;
    const { transport, protocol } = layout;
    const at = transport + checksumOffset(protocol);
    if (packet.csumStart !== transport || packet.csumStart + packet.csumOffset !== at) return undefined;
    const field = u16(packet.frame, at), wanted = pseudoSum(packet.frame, layout);
    if (sameSum(field, wanted)) return undefined;
    // What is cut into segments may leave the length to the device.
    if (packet.gsoType !== NetGso.NONE && sameSum(field, pseudoSum(packet.frame, layout, 0))) {
      return undefined;
    }
    const why = field === 0
      ? "nothing"
      : sameSum(field, wanted ^ 0xffff)
      ? "the complement of the sum"
      : transportSound(packet.frame, layout)
      ? "a complete checksum"
      : "something else";
    return {
      found: `the ${protocol} checksum field (bytes ${at} and ${at + 1} of the frame) holds ${
        hex(field)
      }: ${why}`,
      expected: `${hex(wanted)}, the sum of the pseudo header`,
      evidence: shownFrame(sent, "transport header", transport, transport + 20),
    };
  },
);
