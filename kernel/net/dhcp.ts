/** The DHCP clients of a stack: one for each card that has no address of its own. */
import { BROADCAST, prefixOf, UNSPECIFIED } from "../../inet/addresses.ts";
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from "../../inet/dhcp.ts";
import { readUdp, UdpHeader } from "../../inet/udp.ts";
import type { TargetLog } from "../log.ts";
import { DhcpClient } from "./dhcp_client.ts";
import type { Lease } from "./dhcp_lease.ts";
import type { Interface } from "./interface.ts";
import type { Packet } from "./ip_input.ts";
import type { Path } from "./routes.ts";
import type { NetStack } from "./stack.ts";

/** How long after it was given an address may turn out to be somebody else's (RFC 5227, 2.1). Nanoseconds. */
const CONFLICT_WINDOW = 10e9;

interface Entry {
  readonly client: DhcpClient;
  boundAt: number;
}

export class Dhcp {
  private readonly entries = new Map<Interface, Entry>();
  private readonly header = new UdpHeader();
  private now = 0;

  constructor(
    private readonly stack: NetStack,
    private readonly random32: () => number,
    private readonly log: TargetLog,
  ) {}

  /** Looks for an address for `iface`. */
  start(iface: Interface, now: number): void {
    this.now = now;
    const client = new DhcpClient({
      mac: iface.device.mac,
      random32: this.random32,
      send: (payload, source, server) => this.send(iface, payload, source, server),
      bound: (lease) => this.bound(iface, lease),
      lost: (reason) => this.lost(iface, reason),
      log: (message) => this.log.info(`${iface.name}: DHCP: ${message}`),
    });
    this.entries.set(iface, { client, boundAt: 0 });
    if (iface.linkUp) client.start(now);
    this.stack.touch();
  }

  /** The client of an interface, if it has one. */
  of(iface: Interface): DhcpClient | undefined {
    return this.entries.get(iface)?.client;
  }

  poll(now: number): void {
    this.now = now;
    for (const { client } of this.entries.values()) client.poll(now);
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const { client } of this.entries.values()) {
      const at = client.nextDeadline();
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  /** Takes a datagram if it is for a client. */
  input({ iface, header, bytes, trusted, now }: Packet): boolean {
    const entry = this.entries.get(iface);
    const { payload, end, source, destination } = header;
    if (entry === undefined || end - payload < 4) return false;
    if ((bytes[payload + 2] << 8 | bytes[payload + 3]) !== DHCP_CLIENT_PORT) return false;
    const udp = this.header;
    if (readUdp(udp, bytes, payload, end, source, destination, trusted) !== undefined) return true;
    if (udp.sourcePort !== DHCP_SERVER_PORT) return true;
    this.now = now;
    entry.client.input(bytes.subarray(udp.payload, udp.end), now);
    return true;
  }

  linkUp(iface: Interface, now: number): void {
    this.now = now;
    this.entries.get(iface)?.client.start(now);
  }
  linkDown(iface: Interface): void {
    this.entries.get(iface)?.client.pause();
  }

  /** Somebody else uses the address of `iface`. One that is new is given back; one that we have long is defended. */
  conflict(iface: Interface): void {
    const entry = this.entries.get(iface);
    if (entry !== undefined && this.now - entry.boundAt < CONFLICT_WINDOW) entry.client.decline(this.now);
  }

  private send(iface: Interface, payload: Uint8Array, source: number, server: number | undefined): void {
    const path: Path | undefined = server === undefined
      ? { destination: BROADCAST, iface, nextHop: BROADCAST, source, isGroup: true }
      : this.stack.routes.path(server);
    if (path === undefined) return;
    this.stack.output.now = this.now;
    this.stack.udp.sendFrom(path, source, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, payload);
  }

  private bound(iface: Interface, lease: Lease): void {
    const { address, mask, router: gateway, nameServers } = lease;
    const entry = this.entries.get(iface)!;
    if (iface.address !== address) entry.boundAt = this.now;
    this.stack.configure(iface, { address, prefix: prefixOf(mask)!, gateway }, this.now);
    this.stack.nameServers = nameServers;
    this.stack.configured.wake();
  }

  private lost(iface: Interface, reason: string): void {
    this.log.warn(`${iface.name}: DHCP: ${reason}`);
    this.stack.configure(iface, { address: UNSPECIFIED, prefix: 0, gateway: UNSPECIFIED }, this.now);
  }
}
