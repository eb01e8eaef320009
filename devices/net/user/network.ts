import { BROADCAST, formatAddress, isMulticast } from "../../../inet/addresses.ts";
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from "../../../inet/dhcp.ts";
import { DNS_PORT } from "../../../inet/dns.ts";
import { ETHERNET_HEADER, etherType, ETHERTYPE_ARP, ETHERTYPE_IPV4 } from "../../../inet/ethernet.ts";
import {
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_UNREACHABLE,
  IcmpMessage,
  readIcmp,
  UNREACHABLE_PORT,
  UNREACHABLE_PROHIBITED,
  writeIcmp,
  writeIcmpError,
} from "../../../inet/icmp.ts";
import {
  Ipv4Header,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readIpv4,
  readQuotedIpv4,
} from "../../../inet/ipv4.ts";
import { Reassembler } from "../../../inet/reassembly.ts";
import { readUdp, UdpHeader } from "../../../inet/udp.ts";
import type { NetBackend, NetClock, NetFrontend } from "../backend.ts";
import { DhcpServer } from "./dhcp_server.ts";
import { DnsRelay } from "./dns_relay.ts";
import { GuestLink, PAYLOAD } from "./guest_link.ts";
import type { HostDatagrams, HostForward, HostListener, HostNetwork } from "./host.ts";
import type { UserOptions } from "./options.ts";
import { TcpRelay } from "./tcp_relay.ts";
import { UdpRelay } from "./udp_relay.ts";

/** Targets that were refused and told of; more are refused in silence. */
const TOLD = 100;

/**
 * The user-mode network (QEMU's `-netdev user`, libslirp's part): a gateway with DHCP and DNS, behind which is what the
 * host's own sockets can reach. The guest's TCP ends here.
 *
 *     -netdev user,id=n0,hostfwd=tcp::8080-:80 -device virtio-net-pci,netdev=n0
 */
export class UserNetwork implements NetBackend {
  private readonly link: GuestLink;
  private readonly dhcp: DhcpServer;
  private readonly dns: DnsRelay;
  private readonly udp: UdpRelay;
  private readonly tcp: TcpRelay;
  private readonly reassembler = new Reassembler();
  private readonly ip = new Ipv4Header();
  private readonly quoted = new Ipv4Header();
  private readonly icmp = new IcmpMessage();
  private readonly udpHeader = new UdpHeader();
  private readonly told = new Set<string>();
  private clock: NetClock | undefined;
  /** When service is due, and how to take that back. */
  private timer: { at: number; cancel: () => void } | undefined;
  private hasArrived = false;
  private ready: Promise<void> | undefined;
  private wake: () => void = () => {};

  /**
   * @param forwards the sockets of the options' rules, in their order.
   * @param log told in a line what the host does not allow.
   */
  constructor(
    readonly id: string,
    private readonly options: UserOptions,
    host: HostNetwork,
    forwards: readonly HostForward[] = [],
    private readonly log: (line: string) => void = () => {},
  ) {
    const owner = {
      now: () => this.now(),
      random: () => this.clock?.random() ?? 0,
      arrived: () => this.arrived(),
      refused: (what: string) => this.refused(what),
    };
    this.link = new GuestLink(options);
    this.dhcp = new DhcpServer(options);
    this.dns = new DnsRelay(host, owner.arrived);
    this.udp = new UdpRelay(options, this.link, host, owner);
    this.tcp = new TcpRelay(options, this.link, host, owner);
    options.forwards.forEach((rule, i) => {
      const socket = forwards[i];
      if (socket === undefined) return;
      if (rule.protocol === "tcp") this.tcp.forward(rule, socket as HostListener);
      else this.udp.forward(rule, socket as HostDatagrams);
    });
  }

  /** Connections that are carried now. */
  get connections(): number {
    return this.tcp.size;
  }

  attach(frontend: NetFrontend, clock?: NetClock): void {
    if (clock === undefined) throw new Error(`netdev '${this.id}': a user network needs the machine's clock`);
    this.clock = clock;
    this.link.attach(frontend, clock);
  }

  send(frame: Uint8Array): void {
    this.link.sending = true;
    this.take(frame);
    this.link.sending = false;
    this.serviceAt(this.now());
  }
  acceptInput(): void {
    this.service();
  }

  get inputOpen(): boolean {
    return this.hasArrived || this.tcp.open || this.udp.open || this.dns.open;
  }
  get realTime(): boolean {
    return this.inputOpen;
  }
  deliver(): boolean {
    if (!this.hasArrived) return false;
    this.hasArrived = false;
    this.tcp.deliver();
    this.service();
    return true;
  }
  inputReady(): Promise<void> {
    if (this.hasArrived) return Promise.resolve();
    return this.ready ??= new Promise((wake) => this.wake = wake);
  }
  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.tcp.close();
    this.udp.close();
  }

  /** From outside the machine's time: only takes note. */
  private arrived(): void {
    if (this.hasArrived) return;
    this.hasArrived = true;
    this.ready = undefined;
    this.wake();
  }
  private now(): number {
    return this.clock!.now();
  }

  /** Sends what waits and what is due, and makes sure to be back when more is. */
  private service(): void {
    this.link.flush();
    this.udp.deliver();
    while (this.link.open) {
      const reply = this.dns.take();
      if (reply === undefined) break;
      this.udp.toGuest(this.options.dns, DNS_PORT, reply.address, reply.port, reply.bytes);
    }
    const tcp = this.tcp.poll(), udp = this.udp.expire();
    if (tcp !== undefined) this.serviceAt(tcp);
    if (udp !== undefined) this.serviceAt(udp);
  }
  private serviceAt(at: number): void {
    if (this.timer !== undefined) {
      if (this.timer.at <= at) return;
      this.timer.cancel();
    }
    const cancel = this.clock!.schedule(Math.max(0, at - this.now()), () => {
      this.timer = undefined;
      this.service();
    });
    this.timer = { at, cancel };
  }

  private take(frame: Uint8Array): void {
    const type = etherType(frame);
    if (type === ETHERTYPE_ARP) return this.link.takeArp(frame);
    if (type !== ETHERTYPE_IPV4 || !this.link.isForUs(frame)) return;
    const { ip } = this;
    if (readIpv4(ip, frame, ETHERNET_HEADER, frame.length) !== undefined) return;
    if (!ip.isFragment) return this.takePacket(frame);
    const whole = this.reassembler.input(ip, frame, this.now());
    if (whole !== undefined && readIpv4(ip, whole, 0, whole.length, true) === undefined) {
      this.takePacket(whole);
    }
  }

  /** A whole packet, whose header was read. */
  private takePacket(bytes: Uint8Array): void {
    const { source, destination, protocol, payload, end } = this.ip;
    if (protocol === PROTOCOL_TCP) {
      if (!this.isForMany(destination)) this.tcp.input(source, destination, bytes, payload, end);
    } else if (protocol === PROTOCOL_UDP) this.takeUdp(bytes);
    else if (protocol === PROTOCOL_ICMP) this.takeIcmp(bytes);
  }

  private isForMany(address: number): boolean {
    const { network, mask } = this.options;
    return address === BROADCAST || isMulticast(address) || address === (network | ~mask) >>> 0;
  }

  private takeUdp(bytes: Uint8Array): void {
    const { source, destination, payload, end } = this.ip;
    const { options, udpHeader } = this;
    if (readUdp(udpHeader, bytes, payload, end, source, destination) !== undefined) return;
    const { sourcePort, destinationPort } = udpHeader;
    const data = bytes.subarray(udpHeader.payload, udpHeader.end);
    const toHost = destination === options.host;
    if (destinationPort === DHCP_SERVER_PORT && (destination === BROADCAST || toHost)) {
      return this.takeDhcp(data);
    }
    if (destination === options.dns && destinationPort === DNS_PORT) {
      if (!options.restrict) this.dns.ask(source, sourcePort, data);
      return;
    }
    const inside = ((destination ^ options.network) & options.mask) === 0;
    if (this.isForMany(destination) || inside && !toHost) return;
    if (this.udp.send(source, sourcePort, destination, destinationPort, data)) return;
    this.sendError(toHost ? UNREACHABLE_PORT : UNREACHABLE_PROHIBITED, bytes);
  }
  private takeDhcp(message: Uint8Array): void {
    const reply = this.dhcp.answer(message);
    if (reply === undefined) return;
    if (reply.given !== undefined) this.link.learn(reply.given.address, reply.given.mac);
    this.udp.toGuest(this.options.host, DHCP_SERVER_PORT, BROADCAST, DHCP_CLIENT_PORT, reply.bytes);
  }

  private takeIcmp(bytes: Uint8Array): void {
    const { source, destination, payload, end } = this.ip;
    const { icmp, options, quoted } = this;
    if (readIcmp(icmp, bytes, payload, end) !== undefined) return;
    const ours = destination === options.host || destination === options.dns;
    if (icmp.type === ICMP_ECHO && ours) {
      const { frame } = this.link;
      const length = end - payload;
      frame.set(bytes.subarray(icmp.payload, end), PAYLOAD + icmp.payload - payload);
      writeIcmp(frame, PAYLOAD, PAYLOAD + length, ICMP_ECHO_REPLY, 0, icmp.id, icmp.sequence);
      this.link.sendIp(destination, source, PROTOCOL_ICMP, length);
    } else if (icmp.type === ICMP_ECHO && !options.restrict) {
      // Sockets that ping are not for everyone on the host.
      this.refused(`icmp ${formatAddress(destination)}`);
      this.sendError(UNREACHABLE_PROHIBITED, bytes);
    } else if (icmp.type === ICMP_UNREACHABLE) {
      if (readQuotedIpv4(quoted, bytes, icmp.payload, end) !== undefined) return;
      if (quoted.protocol !== PROTOCOL_TCP) return;
      const kind = icmp.code === UNREACHABLE_PORT ? "port" : "host";
      this.tcp.unreachable(quoted.source, quoted.destination, bytes, quoted.payload, quoted.end, kind);
    }
  }

  /** Tells the guest what became of the packet whose header was read last. */
  private sendError(code: number, bytes: Uint8Array): void {
    const { start, end, source } = this.ip;
    const behind = writeIcmpError(this.link.frame, PAYLOAD, ICMP_UNREACHABLE, code, bytes, start, end);
    this.link.sendIp(this.options.host, source, PROTOCOL_ICMP, behind - PAYLOAD);
  }

  /** Says once for each target that the host does not allow it. */
  private refused(what: string): void {
    if (this.told.has(what) || this.told.size >= TOLD) return;
    this.told.add(what);
    this.log(`netdev '${this.id}': the guest may not reach ${what}`);
  }
}
