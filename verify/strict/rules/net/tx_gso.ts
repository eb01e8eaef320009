import { featureNames, NetF } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { NetGso, NetHdrF } from "../../../../spec/virtio/net.ts";
import { hex, transmitRule } from "./tx_rule.ts";

const TX = "drivernormative:Device Types / Network Device / Device Operation / Packet Transmission";
const SECTION = "virtio 1.4, 5.1.6.2.1";
/** Bits of gso_type that speak of a tunnel. */
export const TUNNEL = NetGso.UDP_TUNNEL_IPV4 | NetGso.UDP_TUNNEL_IPV6;

/** Kinds of segmentation by gso_type, and the feature that each needs. */
const KINDS = new Map<number, { name: string; feature: bigint }>([
  [NetGso.TCPV4, { name: "TCPV4", feature: NetF.HOST_TSO4 }],
  [NetGso.TCPV6, { name: "TCPV6", feature: NetF.HOST_TSO6 }],
  [NetGso.UDP, { name: "UDP", feature: NetF.HOST_UFO }],
  [NetGso.UDP_L4, { name: "UDP_L4", feature: NetF.HOST_USO }],
]);
/** gso_type without its bits. */
export const gsoKind = (gsoType: number): number => gsoType & ~(TUNNEL | NetGso.ECN);

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
    const wanted = gsoKind(packet.gsoType);
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
    if (!device.has(KINDS.get(gsoKind(packet.gsoType))?.feature ?? 0n)) return undefined;
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
    if (bits !== 0 && gsoKind(packet.gsoType) === NetGso.UDP) {
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
