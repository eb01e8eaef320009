/** Address resolution (RFC 826) for IPv4 on Ethernet. */
import { copyMac, MAC_LENGTH, readAddress, writeAddress } from "./addresses.ts";
import { ETHERTYPE_IPV4 } from "./ethernet.ts";

/** Bytes of a packet. */
export const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const ETHERNET = 1, ADDRESS_LENGTH = 4;
const OPERATION = 6, SENDER_MAC = 8, SENDER = 14, TARGET_MAC = 18, TARGET = 24;

/** What is wrong with a packet; `foreign`: not IPv4 on Ethernet, or neither request nor reply. */
export type ArpError = "truncated" | "foreign";

/** A packet's fields; one object serves for any number of packets. */
export class ArpPacket {
  /** {@link ARP_REQUEST} or {@link ARP_REPLY}. */
  operation = 0;
  sender = 0;
  target = 0;
  declare readonly senderMac: Uint8Array;
  declare readonly targetMac: Uint8Array;

  constructor() {
    this.senderMac = new Uint8Array(MAC_LENGTH);
    this.targetMac = new Uint8Array(MAC_LENGTH);
  }
}

/** Reads the packet in [at, end) into `packet`; undefined if all is well. Bytes behind it (padding) are ignored. */
export function readArp(packet: ArpPacket, bytes: Uint8Array, at: number, end: number): ArpError | undefined {
  if (end - at < ARP_LENGTH) return "truncated";
  const operation = bytes[at + OPERATION] << 8 | bytes[at + OPERATION + 1];
  if (
    (bytes[at] << 8 | bytes[at + 1]) !== ETHERNET ||
    (bytes[at + 2] << 8 | bytes[at + 3]) !== ETHERTYPE_IPV4 ||
    bytes[at + 4] !== MAC_LENGTH || bytes[at + 5] !== ADDRESS_LENGTH ||
    operation !== ARP_REQUEST && operation !== ARP_REPLY
  ) return "foreign";
  packet.operation = operation;
  packet.sender = readAddress(bytes, at + SENDER);
  packet.target = readAddress(bytes, at + TARGET);
  copyMac(packet.senderMac, 0, bytes, at + SENDER_MAC);
  copyMac(packet.targetMac, 0, bytes, at + TARGET_MAC);
  return undefined;
}

/** Writes a packet at `at`; returns the offset behind it. */
export function writeArp(
  bytes: Uint8Array,
  at: number,
  operation: number,
  senderMac: Uint8Array,
  sender: number,
  targetMac: Uint8Array,
  target: number,
): number {
  bytes[at] = 0;
  bytes[at + 1] = ETHERNET;
  bytes[at + 2] = ETHERTYPE_IPV4 >>> 8;
  bytes[at + 3] = ETHERTYPE_IPV4 & 0xff;
  bytes[at + 4] = MAC_LENGTH;
  bytes[at + 5] = ADDRESS_LENGTH;
  bytes[at + OPERATION] = operation >>> 8;
  bytes[at + OPERATION + 1] = operation;
  copyMac(bytes, at + SENDER_MAC, senderMac, 0);
  writeAddress(bytes, at + SENDER, sender);
  copyMac(bytes, at + TARGET_MAC, targetMac, 0);
  writeAddress(bytes, at + TARGET, target);
  return at + ARP_LENGTH;
}
