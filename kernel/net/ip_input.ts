/** What becomes of a frame that has arrived: Ethernet, then IPv4 (RFC 1122, 3.2 and 3.3). */
import type { ReceivedFrame } from "../../drivers/net/mod.ts";
import {
  BROADCAST,
  isBroadcastMac,
  isGroupMac,
  isLoopback,
  isMulticast,
  sameMac,
  UNSPECIFIED,
} from "../../inet/addresses.ts";
import {
  ETHERNET_DESTINATION,
  ETHERNET_HEADER,
  ETHERNET_SOURCE,
  etherType,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
} from "../../inet/ethernet.ts";
import { Ipv4Header, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, readIpv4 } from "../../inet/ipv4.ts";
import { Reassembler } from "../../inet/reassembly.ts";
import type { Arp } from "./arp.ts";
import type { Interface } from "./interface.ts";
import type { Routes } from "./routes.ts";

/** A packet for this machine. One object serves for all of them: it is valid during the call that gets it. */
export class Packet {
  readonly header = new Ipv4Header();
  bytes: Uint8Array = new Uint8Array(0);
  iface!: Interface;
  /** The transport's checksum needs no look. */
  trusted = false;
  /** It was for everyone, or for a group: nobody is told of errors. */
  isGroup = false;
  /** Nanoseconds. */
  now = 0;
}

/** Who gets packets by protocol. */
export interface PacketHandlers {
  icmp(packet: Packet): void;
  udp(packet: Packet): void;
  tcp(packet: Packet): void;
  /** No one knows the protocol. */
  unknownProtocol(packet: Packet): void;
  /** Time ran out for a datagram whose first fragment is the packet at `bytes`. */
  reassemblyTimeout(bytes: Uint8Array): void;
}

export interface IpInputCounters {
  received: number;
  delivered: number;
  /** Header with an error in it, or an address that must not be on a wire. */
  malformed: number;
  notForUs: number;
  fragments: number;
}

/** Takes frames apart. */
export class IpInput {
  readonly counters: IpInputCounters = {
    received: 0,
    delivered: 0,
    malformed: 0,
    notForUs: 0,
    fragments: 0,
  };
  readonly reassembler = new Reassembler();
  private readonly packet = new Packet();

  constructor(
    private readonly routes: Routes,
    private readonly arps: ReadonlyMap<Interface, Arp>,
    private readonly handlers: PacketHandlers,
  ) {}

  /** A frame has arrived. */
  input(iface: Interface, frame: ReceivedFrame, now: number): void {
    const { bytes } = frame;
    const type = etherType(bytes);
    const arp = this.arps.get(iface);
    if (arp !== undefined && !this.isForUs(iface, bytes)) iface.counters.rxDropped++;
    else if (type === ETHERTYPE_IPV4) this.ipv4(iface, frame, now);
    else if (type !== ETHERTYPE_ARP || !arp?.input(bytes, ETHERNET_HEADER, bytes.length, now)) {
      iface.counters.rxDropped++;
    }
  }

  /** Gives up datagrams that will never be whole. */
  poll(now: number): void {
    this.reassembler.expire(now, (packet) => this.handlers.reassemblyTimeout(packet));
  }
  nextDeadline(): number | undefined {
    return this.reassembler.nextDeadline();
  }

  /** A card need not filter by address (virtio 1.4, 5.1.6.5.1); nobody sends from a group's address. */
  private isForUs(iface: Interface, bytes: Uint8Array): boolean {
    return bytes.length >= ETHERNET_HEADER && !isGroupMac(bytes, ETHERNET_SOURCE) &&
      (sameMac(bytes, ETHERNET_DESTINATION, iface.device.mac, 0) || isGroupMac(bytes, ETHERNET_DESTINATION));
  }

  private ipv4(iface: Interface, frame: ReceivedFrame, now: number): void {
    const { counters, packet } = this;
    const { header } = packet;
    counters.received++;
    if (readIpv4(header, frame.bytes, ETHERNET_HEADER, frame.bytes.length) !== undefined) {
      counters.malformed++;
      return;
    }
    const { source, destination } = header;
    if (!iface.isLoopback && !this.isUsableSource(iface, source)) {
      counters.malformed++;
      return;
    }
    const toAll = destination === BROADCAST || iface.isBroadcast(destination);
    if (!toAll && !this.isOurs(iface, destination, header.protocol)) {
      counters.notForUs++;
      return;
    }
    packet.iface = iface;
    packet.bytes = frame.bytes;
    packet.trusted = frame.checksumValid;
    packet.now = now;
    packet.isGroup = toAll || isBroadcastMac(frame.bytes, ETHERNET_DESTINATION);
    if (header.isFragment) this.fragment(packet);
    else this.deliver(packet);
  }

  /** RFC 1122, 3.2.1.3: no broadcast, group or loopback address sends on a wire, and what is ours does not come from there. */
  private isUsableSource(iface: Interface, source: number): boolean {
    return source !== BROADCAST && !isMulticast(source) && !iface.isBroadcast(source) &&
      !this.routes.isOwn(source);
  }
  /** Before an interface has an address, a DHCP server may already send to the one that it gives. */
  private isOurs(iface: Interface, destination: number, protocol: number): boolean {
    if (iface.isLoopback) return true;
    if (isLoopback(destination)) return false;
    return iface.address === UNSPECIFIED && protocol === PROTOCOL_UDP || this.routes.isOwn(destination);
  }

  private fragment(packet: Packet): void {
    this.counters.fragments++;
    const whole = this.reassembler.input(packet.header, packet.bytes, packet.now);
    if (whole === undefined) return;
    readIpv4(packet.header, whole, 0, whole.length, true);
    packet.bytes = whole;
    packet.trusted = false;
    this.deliver(packet);
  }

  private deliver(packet: Packet): void {
    this.counters.delivered++;
    switch (packet.header.protocol) {
      case PROTOCOL_TCP:
        if (!packet.isGroup) this.handlers.tcp(packet);
        return;
      case PROTOCOL_UDP:
        return this.handlers.udp(packet);
      case PROTOCOL_ICMP:
        return this.handlers.icmp(packet);
      default:
        this.handlers.unknownProtocol(packet);
    }
  }
}
