import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../../../../inet/ethernet.ts";
import { ethernetHeader, u16 } from "./layout.ts";
import { shownFrame, transmitRule } from "./tx_rule.ts";

/** Bytes of an ARP packet for IPv4 over Ethernet (RFC 826), and of an IPv6 header. */
const ARP = 28, IPV6_HEADER = 40;

/** Bytes that the packet behind an Ethernet header has by its own words; undefined if it does not say. */
function packetLength(frame: Uint8Array, at: number, type: number): number | undefined {
  if (type === ETHERTYPE_ARP) {
    return u16(frame, at) === 1 && u16(frame, at + 2) === ETHERTYPE_IPV4 ? ARP : undefined;
  }
  if (type === ETHERTYPE_IPV4) return frame[at] >>> 4 === 4 ? u16(frame, at + 2) : undefined;
  return type === ETHERTYPE_IPV6 && frame[at] >>> 4 === 6 ? IPV6_HEADER + u16(frame, at + 4) : undefined;
}

export const NET_TX_CUT_SHORT = transmitRule(
  {
    id: "net-tx-cut-short",
    clauses: [],
    level: "warning",
    section: "virtio 1.4, 5.1.6.2",
    title: "A frame to send is as long as the packet in it says",
    hint:
      "The length of the buffer counts the virtio header and the whole frame. A frame that lacks as many bytes as the " +
      "header has is one whose header was not counted.",
  },
  (sent) => {
    const { frame, headerSize } = sent.packet;
    const { length, type } = ethernetHeader(frame);
    const packet = packetLength(frame, length, type);
    if (packet === undefined || length + packet <= frame.length) return undefined;
    const missing = length + packet - frame.length;
    return {
      found: `a frame of ${frame.length} bytes, ${missing} less than its packet has${
        missing === headerSize ? ": as many as the header" : ""
      }`,
      expected: `${length + packet} bytes behind the header of ${headerSize}`,
      evidence: shownFrame(sent, "start of the frame", 0, length + 20),
    };
  },
);
