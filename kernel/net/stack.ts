import type { NetDevice } from "../../drivers/net/mod.ts";
import { formatAddress, formatCidr, networkOf, UNSPECIFIED } from "../../inet/addresses.ts";
import { ETHERNET_HEADER } from "../../inet/ethernet.ts";
import { UNREACHABLE_PORT, UNREACHABLE_PROTOCOL } from "../../inet/icmp.ts";
import { IPV4_HEADER, IPV4_MAX, PROTOCOL_TCP, PROTOCOL_UDP } from "../../inet/ipv4.ts";
import { Tcp, type TcpConnection, type TcpOptions } from "../../inet/tcp/mod.ts";
import { WakerRegistration } from "../future.ts";
import type { TargetLog } from "../log.ts";
import type { Arp } from "./arp.ts";
import { Dhcp } from "./dhcp.ts";
import { Echo } from "./echo.ts";
import { Icmp, type IcmpReport } from "./icmp.ts";
import type { Interface } from "./interface.ts";
import { IpInput, type Packet } from "./ip_input.ts";
import { IpOutput } from "./ip_output.ts";
import { Links } from "./links.ts";
import { Routes } from "./routes.ts";
import { TcpCarrier } from "./tcp_carrier.ts";
import { Udp } from "./udp.ts";

/** Frames taken from a card before answers are sent, and how often that is done in one {@link NetStack.poll}. */
const BATCH = 64, ROUNDS = 4;

/** How a stack is made. */
export interface StackOptions {
  readonly cards: readonly NetDevice[];
  /** The next 32 random bits. */
  readonly random32: () => number;
  readonly log: TargetLog;
  readonly tcp?: TcpOptions;
}

/** An interface's address as it is set. */
export interface AddressConfig {
  readonly address: number;
  readonly prefix: number;
  /** 0: none. */
  readonly gateway: number;
}

/**
 * The network stack of a machine: Ethernet, ARP, IPv4, ICMP, UDP and TCP over any number of cards and the loopback
 * interface. It has no timers and never waits: {@link NetStack.poll} does what is to be done and says when to come back.
 */
export class NetStack {
  readonly interfaces: readonly Interface[];
  readonly arps: ReadonlyMap<Interface, Arp>;
  readonly routes: Routes;
  readonly output: IpOutput;
  readonly input: IpInput;
  readonly icmp: Icmp;
  readonly echo: Echo;
  readonly udp: Udp;
  readonly dhcp: Dhcp;
  /** Whom to ask for names, in this order. */
  nameServers: readonly number[] = [];
  /** Called when there is something to do before the time that {@link NetStack.poll} named: also from interrupt handlers. */
  onWork: (() => void) | undefined = undefined;
  /** The next 32 random bits. */
  readonly random32: () => number;
  /** Those who wait for an address. */
  readonly configured = new WakerRegistration();
  private readonly links: Links;
  private readonly log: TargetLog;
  private readonly tcpOptions: TcpOptions | undefined;
  private tcpMachine: Tcp | undefined;

  constructor(options: StackOptions) {
    const { random32, log } = options;
    this.log = log;
    this.random32 = random32;
    this.links = new Links(options.cards, {
      work: () => this.touch(),
      undelivered: (bytes, start, end) => this.icmp.lost(bytes, start, end, "host"),
      conflict: (iface) => this.dhcp.conflict(iface),
      up: (iface, now) => this.dhcp.linkUp(iface, now),
      down: (iface) => this.dhcp.linkDown(iface),
    }, log);
    this.interfaces = this.links.interfaces;
    this.arps = this.links.arps;
    this.routes = new Routes(this.interfaces);
    const scratch = new Uint8Array(ETHERNET_HEADER + IPV4_HEADER + IPV4_MAX);
    this.output = new IpOutput(this.arps, random32);
    this.icmp = new Icmp(this.routes, this.output, {
      echoReply: (from, id, bytes, start, end) => this.echo.replied(from, id, bytes, start, end),
      report: (report) => this.report(report),
    }, scratch);
    this.echo = new Echo(this.icmp, this.routes, random32);
    this.udp = new Udp(this.routes, this.output, random32, scratch);
    this.tcpOptions = options.tcp;
    this.dhcp = new Dhcp(this, random32, log);
    this.input = new IpInput(this.routes, this.arps, {
      icmp: (packet) => this.icmp.input(packet),
      udp: (packet) => this.datagram(packet),
      tcp: ({ header, bytes, now, trusted }) =>
        this.tcp.input(header.source, header.destination, bytes, header.payload, header.end, now, trusted),
      unknownProtocol: (packet) => this.icmp.unreachable(packet, UNREACHABLE_PROTOCOL),
      reassemblyTimeout: (bytes) => this.icmp.reassemblyTimeout(bytes, this.output.now),
    });
  }

  /** The cards. */
  get cards(): readonly Interface[] {
    return this.interfaces.filter((i) => !i.isLoopback);
  }

  /** Made when it is first used: a machine without a network boots without it. */
  get tcp(): Tcp {
    return this.tcpMachine ??= new Tcp(
      new TcpCarrier(this.routes, this.output, this.random32),
      this.tcpOptions,
    );
  }

  /** Those that are not closed. */
  get tcpConnections(): Iterable<TcpConnection> {
    return this.tcpMachine?.connections ?? [];
  }

  /** Gives an interface its address, and says so on the wire. Address 0 takes it away. */
  configure(iface: Interface, config: AddressConfig, now: number): void {
    const { address, prefix, gateway } = config;
    const changed = iface.address !== address || iface.prefix !== prefix;
    this.output.now = now;
    this.routes.removeOf(iface);
    iface.address = address;
    iface.prefix = prefix;
    if (address !== UNSPECIFIED) {
      this.routes.add(networkOf(iface.cidr), prefix, UNSPECIFIED, iface);
      if (gateway !== UNSPECIFIED && iface.isOnLink(gateway)) this.routes.add(0, 0, gateway, iface);
      else if (gateway !== UNSPECIFIED) {
        this.log.warn(
          `${iface.name}: gateway ${formatAddress(gateway)} is not in ${formatCidr(iface.cidr)}; left out`,
        );
      }
    }
    if (!changed) return;
    const arp = this.arps.get(iface);
    arp?.reset();
    if (iface.linkUp) arp?.announce(now);
    this.touch();
  }

  /** Something was given to the stack, by a socket: it should be polled soon. */
  touch(): void {
    this.onWork?.();
  }

  /**
   * Takes what has arrived, lets timers fire, sends what there is room for.
   *
   * @param now nanoseconds of machine time; never less than before.
   * @returns when it wants to be polled again, unless {@link NetStack.onWork} comes first: `now` if there is more to do.
   */
  poll(now: number): number | undefined {
    this.output.now = now;
    this.links.poll(now);
    this.input.poll(now);
    this.dhcp.poll(now);
    let received = 0;
    for (let round = 0; round < ROUNDS; round++) {
      received = 0;
      for (const iface of this.interfaces) {
        received += this.receive(iface, now);
        iface.flush();
      }
      this.tcpMachine?.poll(now);
      this.udp.poll();
      if (received === 0) break;
    }
    return received > 0 ? now : this.nextDeadline();
  }

  /** Ends all connections, and sends what says so as far as the cards take it. */
  close(now: number): void {
    this.output.now = now;
    for (const connection of [...this.tcpConnections]) connection.abort();
    this.tcpMachine?.poll(now);
    this.onWork = undefined;
  }

  private nextDeadline(): number | undefined {
    const transport = earlier(this.tcpMachine?.nextDeadline(), this.dhcp.nextDeadline());
    return earlier(transport, earlier(this.links.nextDeadline(), this.input.nextDeadline()));
  }

  private receive(iface: Interface, now: number): number {
    for (let n = 0; n < BATCH; n++) {
      const frame = iface.receive();
      if (frame === undefined) return n;
      this.input.input(iface, frame, now);
    }
    return BATCH;
  }

  private datagram(packet: Packet): void {
    if (this.dhcp.input(packet)) return;
    if (!packet.isGroup && !this.routes.isOwn(packet.header.destination)) return;
    if (!this.udp.input(packet)) this.icmp.unreachable(packet, UNREACHABLE_PORT);
  }

  private report(report: IcmpReport): void {
    const { local, remote, bytes, start, end, kind, mtu } = report;
    if (report.protocol === PROTOCOL_UDP) this.udp.unreachable(report);
    else if (report.protocol === PROTOCOL_TCP) {
      this.tcp.unreachable(local, remote, bytes, start, end, kind, this.output.now, mtu);
    } else this.echo.unreachable(report);
  }
}

/** The earlier of two times, either of which there may not be. */
function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined || a < b ? a : b;
}
