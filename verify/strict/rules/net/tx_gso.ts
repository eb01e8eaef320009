import { featureNames, NetF } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { NetGso, NetHdrF } from "../../../../spec/virtio/net.ts";
import { headersLength, ipLayout } from "./layout.ts";
import { hex, transmitRule, type Transmitted } from "./tx_rule.ts";

const TX = "drivernormative:Device Types / Network Device / Device Operation / Packet Transmission";
const SECTION = "virtio 1.4, 5.1.6.2.1";
const TUNNEL = NetGso.UDP_TUNNEL_IPV4 | NetGso.UDP_TUNNEL_IPV6;

/** gso_type without its bits, and the feature that it needs. */
const KINDS = new Map<number, { name: string; feature: bigint }>([
  [NetGso.TCPV4, { name: "TCPV4", feature: NetF.HOST_TSO4 }],
  [NetGso.TCPV6, { name: "TCPV6", feature: NetF.HOST_TSO6 }],
  [NetGso.UDP, { name: "UDP", feature: NetF.HOST_UFO }],
  [NetGso.UDP_L4, { name: "UDP_L4", feature: NetF.HOST_USO }],
]);
const kind = (gsoType: number) => gsoType & ~(TUNNEL | NetGso.ECN);

export const NET_TX_GSO_FEATURE = transmitRule(
  {
    id: "net-tx-gso-feature",
    clauses: [`${TX}#7`, `${TX}#9`, `${TX}#11`, `${TX}#13`, `${TX}#31`],
    level: "violation",
    section: SECTION,
    title: "A frame asks for segmentation only if that kind was negotiated",
    hint:
      "HOST_* features are what the device does for frames to send; GUEST_* are what it may do to received ones.",
  },
  ({ packet, device }) => {
    const wanted = kind(packet.gsoType);
    if (wanted === NetGso.NONE) return undefined;
    const found = KINDS.get(wanted);
    if (found !== undefined && device.has(found.feature)) return undefined;
    const feature = found && featureNames(found.feature, VirtioId.Net)[0];
    return {
      found: `gso_type is ${hex(packet.gsoType)}${found === undefined ? "" : ` (${found.name})`}`,
      expected: feature === undefined
        ? "NONE, TCPV4, UDP, TCPV6 or UDP_L4"
        : `NONE (0), as ${feature} was not negotiated`,
    };
  },
);

export const NET_TX_GSO_FIELDS = transmitRule(
  {
    id: "net-tx-gso-fields",
    clauses: [`${TX}#32`, `${TX}#33`],
    level: "violation",
    section: SECTION,
    title: "A frame that is to be cut says how: NEEDS_CSUM is set, and gso_size is the size of the pieces",
    hint: "gso_size is the transport's payload in each piece (the MSS), without headers.",
  },
  ({ packet, device }) => {
    // Without the feature the frame is wrong already.
    if (!device.has(KINDS.get(kind(packet.gsoType))?.feature ?? 0n)) return undefined;
    const type = `gso_type is ${hex(packet.gsoType)}`;
    if ((packet.flags & NetHdrF.NEEDS_CSUM) === 0) {
      return {
        found: `${type}, and flags are ${hex(packet.flags)}`,
        expected: "NEEDS_CSUM (1) among the flags",
      };
    }
    return packet.gsoSize !== 0
      ? undefined
      : { found: `${type}, and gso_size is 0`, expected: "the size of a piece" };
  },
);

export const NET_TX_GSO_TUNNEL = transmitRule(
  {
    id: "net-tx-gso-tunnel",
    clauses: [`${TX}#17`, `${TX}#42`, `${TX}#20`, `${TX}#21`, `${TX}#23`, `${TX}#24`, `${TX}#25`, `${TX}#26`],
    level: "violation",
    section: SECTION,
    title: "gso_type speaks of a UDP tunnel only where that was negotiated, and of one kind of it",
    hint:
      "Bits 0x20 and 0x40 of gso_type need HOST_UDP_TUNNEL_GSO; flag 8 needs HOST_UDP_TUNNEL_GSO_CSUM and one of them.",
  },
  ({ packet, device }) => {
    const bits = packet.gsoType & TUNNEL;
    const found = `gso_type is ${hex(packet.gsoType)}, flags are ${hex(packet.flags)}`;
    if (bits !== 0 && !device.has(NetF.HOST_UDP_TUNNEL_GSO)) {
      return { found, expected: "bits 0x60 of gso_type clear, as HOST_UDP_TUNNEL_GSO was not negotiated" };
    }
    if (bits === TUNNEL) {
      return { found, expected: "bit 0x20 for an inner IPv4 packet, or 0x40 for IPv6, not both" };
    }
    if (bits !== 0 && kind(packet.gsoType) === NetGso.UDP) {
      return { found, expected: "another type than UDP (3), which no tunnel carries" };
    }
    if (
      bits === 0 && device.has(NetF.HOST_UDP_TUNNEL_GSO_CSUM) &&
      (packet.flags & NetHdrF.UDP_TUNNEL_CSUM) !== 0
    ) {
      return { found, expected: "a tunnel bit in gso_type beside the flag UDP_TUNNEL_CSUM" };
    }
    return undefined;
  },
);

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
    const type = kind(packet.gsoType);
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
    const type = kind(packet.gsoType);
    const layout = type === NetGso.TCPV4 || type === NetGso.TCPV6 ? ipLayout(packet.frame) : undefined;
    if (layout?.protocol !== "TCP" || (packet.frame[layout.transport + 13] & CWR) === 0) return undefined;
    return { found: `a TCP packet with CWR and gso_type ${hex(packet.gsoType)}`, expected: "no such packet" };
  },
);

/** Bytes of headers in a frame that is to be cut; undefined if they cannot be told. */
function headers({ packet }: Transmitted): number | undefined {
  if (kind(packet.gsoType) === NetGso.NONE || (packet.gsoType & TUNNEL) !== 0) return undefined;
  const layout = ipLayout(packet.frame);
  return layout?.protocol === undefined ? undefined : headersLength(packet.frame, layout);
}

const HDR_LEN_HINT =
  "Count from the start of the Ethernet frame up to the transport's payload, TCP options included; the virtio header " +
  "does not count.";

export const NET_TX_HDR_LEN_EXACT = transmitRule(
  {
    id: "net-tx-hdr-len-exact",
    clauses: [`${TX}#34`],
    level: "violation",
    section: SECTION,
    title: "With GUEST_HDRLEN hdr_len of a frame to be cut is the exact length of its headers",
    hint: HDR_LEN_HINT,
  },
  (sent) => {
    const length = sent.device.has(NetF.GUEST_HDRLEN) ? headers(sent) : undefined;
    if (length === undefined || sent.packet.hdrLen === length) return undefined;
    return { found: `hdr_len is ${sent.packet.hdrLen}`, expected: `${length}` };
  },
);

export const NET_TX_HDR_LEN = transmitRule(
  {
    id: "net-tx-hdr-len",
    clauses: [`${TX}#35`],
    level: "warning",
    section: SECTION,
    title: "hdr_len of a frame to be cut covers its headers",
    hint: HDR_LEN_HINT,
  },
  (sent) => {
    const length = sent.device.has(NetF.GUEST_HDRLEN) ? undefined : headers(sent);
    if (length === undefined || sent.packet.hdrLen >= length) return undefined;
    return { found: `hdr_len is ${sent.packet.hdrLen}`, expected: `at least ${length}` };
  },
);
