/** Address resolution on one interface (RFC 826), and the defence of its own address (RFC 5227). */
import { formatAddress, formatMac, isGroupMac, sameMac, UNSPECIFIED } from "../../inet/addresses.ts";
import { ARP_LENGTH, ARP_REPLY, ARP_REQUEST, ArpPacket, readArp, writeArp } from "../../inet/arp.ts";
import { ETHERNET_DESTINATION, ETHERNET_HEADER, ETHERTYPE_ARP, writeEthernet } from "../../inet/ethernet.ts";
import type { Interface } from "./interface.ts";
import { type HeldFrame, type NeighborHost, Neighbors } from "./neighbors.ts";

const BROADCAST_MAC = new Uint8Array(6).fill(0xff);
const NO_MAC = new Uint8Array(6);
/** RFC 5227, 1.1: ANNOUNCE_NUM, ANNOUNCE_INTERVAL, DEFEND_INTERVAL. */
const ANNOUNCEMENTS = 2, ANNOUNCE_INTERVAL = 2e9, DEFEND_INTERVAL = 10e9;

/** What is told of an interface's addresses. */
export interface ArpEvents {
  /** Nobody has `address`; the IP packets in these frames were given up. */
  unreachable(frames: readonly HeldFrame[]): void;
  /** Somebody else uses our address. */
  conflict(message: string): void;
}

/** ARP on one interface. Times are nanoseconds of machine time. */
export class Arp implements NeighborHost {
  readonly neighbors = new Neighbors(this);
  /** How often somebody else was seen to use our address. */
  conflicts = 0;
  private readonly packet = new ArpPacket();
  private readonly frame = new Uint8Array(ETHERNET_HEADER + ARP_LENGTH);
  private announcements = 0;
  private announceAt = 0;
  private defendAfter = 0;

  constructor(private readonly iface: Interface, private readonly events: ArpEvents) {}

  /** A packet arrived in [at, end) of `bytes`. False if it is none. */
  input(bytes: Uint8Array, at: number, end: number, now: number): boolean {
    const { packet, iface } = this;
    if (readArp(packet, bytes, at, end) !== undefined) return false;
    const { sender, senderMac } = packet;
    if (isGroupMac(senderMac, 0) || sameMac(senderMac, 0, iface.device.mac, 0)) return true;
    if (iface.address === UNSPECIFIED) return true;
    if (sender === iface.address) {
      this.onConflict(senderMac, now);
      return true;
    }
    const forUs = packet.target === iface.address;
    // A probe (RFC 5227, 1.1) has no sender that could be learnt.
    if (iface.isOnLink(sender) && sender !== UNSPECIFIED) {
      this.neighbors.learn(sender, senderMac, now, forUs);
    }
    if (forUs && packet.operation === ARP_REQUEST) this.send(ARP_REPLY, senderMac, senderMac, sender);
    return true;
  }

  /** Tells everyone where we are: now, and once more two seconds later (RFC 5227, 2.3). */
  announce(now: number): void {
    if (this.iface.address === UNSPECIFIED) return;
    this.announcements = ANNOUNCEMENTS;
    this.announceAt = now;
    this.poll(now);
  }

  poll(now: number): void {
    this.neighbors.poll(now);
    if (this.announcements === 0 || this.announceAt > now) return;
    this.announcements--;
    this.announceAt = now + ANNOUNCE_INTERVAL;
    this.sendAnnouncement();
  }

  /** When {@link Arp.poll} has something to do. */
  nextDeadline(): number | undefined {
    const next = this.neighbors.nextDeadline();
    if (this.announcements === 0) return next;
    return next === undefined ? this.announceAt : Math.min(next, this.announceAt);
  }

  /** The address is another now, or the link was down: nothing that was known counts. */
  reset(): void {
    this.neighbors.clear();
    this.announcements = 0;
    this.defendAfter = 0;
  }

  // NeighborHost

  request(address: number, mac: Uint8Array | undefined): void {
    this.send(ARP_REQUEST, mac ?? BROADCAST_MAC, NO_MAC, address);
  }
  release(frame: HeldFrame, mac: Uint8Array): void {
    frame.bytes.set(mac, ETHERNET_DESTINATION);
    this.iface.post(frame.bytes, frame.checksum);
  }
  unreachable(_address: number, frames: readonly HeldFrame[]): void {
    this.events.unreachable(frames);
  }

  /** We were there first, and say so; but not again and again, or two machines would shout at each other for ever. */
  private onConflict(mac: Uint8Array, now: number): void {
    this.conflicts++;
    if (now < this.defendAfter) return;
    this.defendAfter = now + DEFEND_INTERVAL;
    this.events.conflict(
      `${this.iface.name}: ${formatMac(mac)} uses our address ${formatAddress(this.iface.address)}, too`,
    );
    if (this.iface.address !== UNSPECIFIED) this.sendAnnouncement();
  }
  private sendAnnouncement(): void {
    this.send(ARP_REQUEST, BROADCAST_MAC, NO_MAC, this.iface.address);
  }
  private send(operation: number, to: Uint8Array, targetMac: Uint8Array, target: number): void {
    const { mac } = this.iface.device;
    const at = writeEthernet(this.frame, 0, to, mac, ETHERTYPE_ARP);
    writeArp(this.frame, at, operation, mac, this.iface.address, targetMac, target);
    this.iface.post(this.frame);
  }
}
