/** Puts Ethernet and IPv4 headers in front of what the transports made, and hands it to a card. */
import type { PartialChecksum } from "../../drivers/net/mod.ts";
import { BROADCAST } from "../../inet/addresses.ts";
import { checksum } from "../../inet/checksum.ts";
import { ETHERNET_HEADER, ETHERTYPE_IPV4, writeEthernet } from "../../inet/ethernet.ts";
import {
  DEFAULT_TTL,
  IPV4_HEADER,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  writeIpv4,
  writeIpv4Fragment,
} from "../../inet/ipv4.ts";
import { TCP_CHECKSUM } from "../../inet/tcp_header.ts";
import { UDP_CHECKSUM } from "../../inet/udp.ts";
import type { Arp } from "./arp.ts";
import type { Interface } from "./interface.ts";
import type { Path } from "./routes.ts";

/** Bytes in front of a transport's header that belong to this module. */
export const HEADROOM = ETHERNET_HEADER + IPV4_HEADER;

/** Where the checksums lie that a card may fill in: headers of ours have no options. */
const PARTIAL: Readonly<Record<number, PartialChecksum | undefined>> = {
  [PROTOCOL_TCP]: { start: HEADROOM, offset: TCP_CHECKSUM },
  [PROTOCOL_UDP]: { start: HEADROOM, offset: UDP_CHECKSUM },
};
const BROADCAST_MAC = new Uint8Array(6).fill(0xff);
const LOOPBACK_MAC = new Uint8Array(6);

/** What has been sent so far. */
export interface IpOutputCounters {
  sent: number;
  /** Pieces of datagrams that were larger than the interface's MTU. */
  fragments: number;
}

/** Sends IPv4 packets. A payload stands in a buffer with {@link HEADROOM} bytes in front of it, which are written here. */
export class IpOutput {
  readonly counters: IpOutputCounters = { sent: 0, fragments: 0 };
  /** Nanoseconds; set by the stack before anything is sent. */
  now = 0;
  private id: number;
  private readonly groupMac = new Uint8Array([0x01, 0x00, 0x5e, 0, 0, 0]);

  /** @param arps resolution by interface; one without needs none. */
  constructor(private readonly arps: ReadonlyMap<Interface, Arp>, random32: () => number) {
    this.id = random32() & 0xffff;
  }

  /** Whether the card completes the checksum of a payload of `length` bytes. */
  leavesChecksum(path: Path, length: number): boolean {
    return path.iface.device.fillsChecksums && length + IPV4_HEADER <= path.iface.mtu;
  }

  /**
   * Sends the TCP segment in [start, end), whose checksum field holds the sum of the pseudo header. It is not fragmented.
   *
   * @returns false if the card has no room.
   */
  sendSegment(path: Path, source: number, bytes: Uint8Array, start: number, end: number): boolean {
    const partial = path.iface.device.fillsChecksums ? PARTIAL[PROTOCOL_TCP] : undefined;
    if (partial === undefined) {
      const check = checksum(bytes, start, end);
      bytes[start + TCP_CHECKSUM] = check >>> 8;
      bytes[start + TCP_CHECKSUM + 1] = check;
    }
    const at = start - IPV4_HEADER;
    writeIpv4(bytes, at, source, path.destination, PROTOCOL_TCP, end - start, 0);
    return this.transmit(path, bytes, at, end, partial);
  }

  /**
   * Sends a datagram's payload in [start, end), in pieces where it is larger than the interface's MTU; the headers of the
   * pieces are then written over bytes that have been sent.
   *
   * @param partial {@link IpOutput.leavesChecksum} said so, and the field holds the sum of the pseudo header.
   * @returns false if the card has no room; nothing of the payload was changed then.
   */
  sendDatagram(
    path: Path,
    source: number,
    protocol: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    partial = false,
    ttl = DEFAULT_TTL,
  ): boolean {
    const { mtu } = path.iface;
    if (end - start + IPV4_HEADER <= mtu) {
      const at = start - IPV4_HEADER;
      writeIpv4(bytes, at, source, path.destination, protocol, end - start, this.nextId(), ttl, false);
      return this.transmit(path, bytes, at, end, partial ? PARTIAL[protocol] : undefined);
    }
    return this.sendFragments(path, source, protocol, bytes, start, end, ttl);
  }

  private sendFragments(
    path: Path,
    source: number,
    protocol: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    ttl: number,
  ): boolean {
    const { iface, destination } = path;
    const piece = (iface.mtu - IPV4_HEADER) & ~7;
    if (!iface.flush() || iface.room < Math.ceil((end - start) / piece)) return false;
    const id = this.nextId();
    for (let from = start; from < end; from += piece) {
      const to = Math.min(from + piece, end), at = from - IPV4_HEADER;
      writeIpv4Fragment(
        bytes,
        at,
        source,
        destination,
        protocol,
        to - from,
        id,
        ttl,
        from - start,
        to < end,
      );
      const isFirst = from === start;
      if (this.transmit(path, bytes, at, to, undefined, !isFirst)) this.counters.fragments++;
      else if (isFirst) return false;
      else iface.post(bytes.subarray(at - ETHERNET_HEADER, to));
    }
    return true;
  }

  /** Sends the packet in [at, end), with its frame's header in front. `force`: see `Neighbors.hold`. */
  private transmit(
    path: Path,
    bytes: Uint8Array,
    at: number,
    end: number,
    partial: PartialChecksum | undefined,
    force = false,
  ): boolean {
    const { iface, nextHop } = path;
    const begin = at - ETHERNET_HEADER;
    const mac = this.macOf(path);
    writeEthernet(bytes, begin, mac ?? LOOPBACK_MAC, iface.device.mac, ETHERTYPE_IPV4);
    const frame = bytes.subarray(begin, end);
    const taken = mac === undefined
      ? this.arps.get(iface)!.neighbors.hold(nextHop, frame, partial, this.now, force)
      : iface.transmit(frame, partial);
    if (taken) this.counters.sent++;
    return taken;
  }

  private macOf(path: Path): Uint8Array | undefined {
    const { iface, nextHop } = path;
    const arp = this.arps.get(iface);
    if (arp === undefined) return LOOPBACK_MAC;
    if (!path.isGroup) return arp.neighbors.find(nextHop, this.now);
    if (nextHop === BROADCAST || iface.isBroadcast(nextHop)) return BROADCAST_MAC;
    // RFC 1112, 6.4: the low 23 bits of the group.
    this.groupMac[3] = nextHop >>> 16 & 0x7f;
    this.groupMac[4] = nextHop >>> 8;
    this.groupMac[5] = nextHop;
    return this.groupMac;
  }

  private nextId(): number {
    return this.id = this.id + 1 & 0xffff;
  }
}
