import {
  BROADCAST,
  copyMac,
  isBroadcastMac,
  isGroupMac,
  MAC_LENGTH,
  sameMac,
} from "../../../inet/addresses.ts";
import { ARP_LENGTH, ARP_REPLY, ARP_REQUEST, ArpPacket, readArp, writeArp } from "../../../inet/arp.ts";
import { ETHERNET_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, writeEthernet } from "../../../inet/ethernet.ts";
import { IPV4_HEADER, PROTOCOL_TCP, writeIpv4, writeIpv4Fragment } from "../../../inet/ipv4.ts";
import type { NetClock, NetFrontend } from "../backend.ts";
import { FrameQueue } from "../frame_queue.ts";
import type { UserOptions } from "./options.ts";

/** Largest IP packet on the wire. */
export const MTU = 1500;
/** Where a packet's payload begins in a frame. */
export const PAYLOAD = ETHERNET_HEADER + IPV4_HEADER;
/** Frames that wait for the guest. */
const QUEUE = 256;
/** Guests that are known, and that are looked for. */
const NEIGHBOURS = 64;
/** Nanoseconds between two questions for one address. */
const ASK_AGAIN = 1e9;

const EVERYONE = new Uint8Array(MAC_LENGTH).fill(0xff);
const NOBODY = new Uint8Array(MAC_LENGTH);

/** Bytes of a frame with an ARP reply. */
const PADDED_REPLY = 64;

/**
 * The wire between the network and its guests: frames that wait, who has which address (ARP), headers. What is sent is
 * built in {@link GuestLink.frame} from {@link PAYLOAD} on.
 */
export class GuestLink {
  /** Frames are built here: the payload of a packet begins at {@link PAYLOAD}. */
  readonly frame: Uint8Array;
  declare private readonly queue: FrameQueue;
  declare private readonly mac: Uint8Array;
  declare private readonly dnsMac: Uint8Array;
  private readonly arp = new ArpPacket();
  private readonly macs = new Map<number, Uint8Array>();
  /** Addresses that were asked for: when, and the last frame for them. */
  private readonly asked = new Map<number, { at: number; frame: Uint8Array | undefined }>();
  private frontend: NetFrontend | undefined;
  private clock: NetClock | undefined;
  /** While the guest is sending, its card is not given frames, but they wait: the card is busy. */
  sending = false;
  private id = 0;

  constructor(private readonly options: UserOptions) {
    this.frame = new Uint8Array(ETHERNET_HEADER + 65535);
    this.queue = new FrameQueue(QUEUE);
    this.mac = macOf(options.host);
    this.dnsMac = macOf(options.dns);
  }

  attach(frontend: NetFrontend, clock: NetClock): void {
    this.frontend = frontend;
    this.clock = clock;
  }

  /** Whether there is room for what is sent now. A sender that does not ask may lose frames. */
  get open(): boolean {
    return this.queue.length < QUEUE / 2;
  }
  /** Gives the guest what waits. */
  flush(): void {
    const { frontend, queue } = this;
    while (queue.length > 0 && frontend!.canReceive() && frontend!.receive(queue.peek()!)) queue.shift();
  }

  /** Whether a frame is for this network's own machines, or for everyone. */
  isForUs(frame: Uint8Array): boolean {
    if (isGroupMac(frame, 0)) return isBroadcastMac(frame, 0);
    return sameMac(frame, 0, this.mac, 0) || sameMac(frame, 0, this.dnsMac, 0);
  }

  /** Answers for the gateway and DNS, and learns who is where (RFC 826). */
  takeArp(frame: Uint8Array): void {
    const { arp, options } = this;
    if (readArp(arp, frame, ETHERNET_HEADER, frame.length) !== undefined) return;
    if (((arp.sender ^ options.network) & options.mask) === 0) this.learn(arp.sender, arp.senderMac);
    if (arp.operation !== ARP_REQUEST || arp.target !== options.host && arp.target !== options.dns) return;
    const from = arp.target === options.host ? this.mac : this.dnsMac;
    this.sendArp(ARP_REPLY, from, arp.target, arp.senderMac, arp.sender);
  }
  /** An address is at this MAC address; what waited for that is sent. */
  learn(address: number, mac: Uint8Array): void {
    if (address === this.options.host || address === this.options.dns || address === 0) return;
    const known = this.macs.get(address);
    if (known !== undefined) copyMac(known, 0, mac, 0);
    else {
      if (this.macs.size >= NEIGHBOURS) this.macs.delete(this.macs.keys().next().value!);
      this.macs.set(address, mac.slice(0, MAC_LENGTH));
    }
    const frame = this.asked.get(address)?.frame;
    this.asked.delete(address);
    if (frame === undefined) return;
    copyMac(frame, 0, mac, 0);
    this.push(frame);
  }

  /**
   * Sends the packet whose `length` bytes of payload stand in {@link GuestLink.frame}; in fragments if it is too long for
   * the wire.
   */
  sendIp(source: number, destination: number, protocol: number, length: number): void {
    const { frame } = this;
    const id = this.id = (this.id + 1) & 0xffff;
    if (IPV4_HEADER + length <= MTU) {
      writeIpv4(frame, ETHERNET_HEADER, source, destination, protocol, length, id);
      return this.sendPacket(destination, length);
    }
    const piece = (MTU - IPV4_HEADER) & ~7;
    const whole = frame.slice(PAYLOAD, PAYLOAD + length);
    for (let at = 0; at < length; at += piece) {
      const n = Math.min(piece, length - at);
      frame.set(whole.subarray(at, at + n), PAYLOAD);
      const more = at + n < length;
      writeIpv4Fragment(frame, ETHERNET_HEADER, source, destination, protocol, n, id, 64, at, more);
      this.sendPacket(destination, n);
    }
  }

  /**
   * Sends a segment that stands in [start, end) of `bytes`, with room for {@link PAYLOAD} bytes of headers before it.
   * The bytes are the caller's again on return.
   */
  sendSegment(source: number, destination: number, bytes: Uint8Array, start: number, end: number): void {
    const at = start - PAYLOAD;
    this.id = (this.id + 1) & 0xffff;
    writeIpv4(bytes, at + ETHERNET_HEADER, source, destination, PROTOCOL_TCP, end - start, this.id);
    this.sendTo(destination, bytes, at, end);
  }

  private sendPacket(destination: number, length: number): void {
    this.sendTo(destination, this.frame, 0, PAYLOAD + length);
  }
  private sendTo(destination: number, bytes: Uint8Array, at: number, end: number): void {
    const to = destination === BROADCAST ? EVERYONE : this.macs.get(destination);
    writeEthernet(bytes, at, to ?? NOBODY, this.mac, ETHERTYPE_IPV4);
    const frame = bytes.subarray(at, end);
    if (to !== undefined) this.push(frame);
    else this.ask(destination, frame);
  }

  /** Nobody knows where the address is: asks, and keeps the last frame for it. */
  private ask(address: number, frame: Uint8Array): void {
    const now = this.clock!.now();
    const asked = this.asked.get(address);
    if (asked !== undefined) asked.frame = frame.slice();
    else {
      if (this.asked.size >= NEIGHBOURS) this.asked.delete(this.asked.keys().next().value!);
      this.asked.set(address, { at: now, frame: frame.slice() });
    }
    if (asked !== undefined && now - asked.at < ASK_AGAIN) return;
    if (asked !== undefined) asked.at = now;
    this.sendArp(ARP_REQUEST, this.mac, this.options.host, NOBODY, address);
  }
  private sendArp(operation: number, from: Uint8Array, sender: number, to: Uint8Array, target: number): void {
    writeEthernet(this.frame, 0, operation === ARP_REQUEST ? EVERYONE : to, from, ETHERTYPE_ARP);
    writeArp(this.frame, ETHERNET_HEADER, operation, from, sender, to, target);
    const length = ETHERNET_HEADER + ARP_LENGTH;
    // As libslirp, which pads what it answers and not what it asks.
    const end = operation === ARP_REPLY ? PADDED_REPLY : length;
    this.frame.fill(0, length, end);
    this.push(this.frame.subarray(0, end));
  }
  private push(frame: Uint8Array): void {
    const { frontend, queue } = this;
    if (!this.sending && queue.length === 0 && frontend!.canReceive() && frontend!.receive(frame)) return;
    queue.push(frame);
  }
}

/** The MAC address of a machine of this network: 52:55 and its IP address, as QEMU's. */
export function macOf(address: number): Uint8Array {
  return Uint8Array.of(0x52, 0x55, address >>> 24, address >>> 16, address >>> 8, address);
}
