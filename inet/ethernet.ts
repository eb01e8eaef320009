/** Ethernet II frames without their check sequence (RFC 894; IEEE 802.3, 3.2.6). */
import { copyMac } from "./addresses.ts";

/** Bytes: destination, source, type. */
export const ETHERNET_HEADER = 14;
/** Where the parts lie. */
export const ETHERNET_DESTINATION = 0, ETHERNET_SOURCE = 6, ETHERNET_TYPE = 12;
/** A frame shorter than this is padded by the hardware. */
export const ETHERNET_MINIMUM = 60;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;

/**
 * The type of a frame; values up to 1500 are a length (IEEE 802.3, not Ethernet II).
 *
 * @returns undefined if the frame is shorter than its header.
 */
export function etherType(frame: Uint8Array, at = 0): number | undefined {
  if (frame.length < at + ETHERNET_HEADER) return undefined;
  return frame[at + ETHERNET_TYPE] << 8 | frame[at + ETHERNET_TYPE + 1];
}

/** Writes a header at `at`; the payload begins at the offset returned. */
export function writeEthernet(
  frame: Uint8Array,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
): number {
  copyMac(frame, at + ETHERNET_DESTINATION, destination, 0);
  copyMac(frame, at + ETHERNET_SOURCE, source, 0);
  frame[at + ETHERNET_TYPE] = type >>> 8;
  frame[at + ETHERNET_TYPE + 1] = type;
  return at + ETHERNET_HEADER;
}
