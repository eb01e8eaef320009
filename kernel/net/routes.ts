/** Where packets go: the longest prefix that fits (RFC 1122, 3.3.1). */
import {
  BROADCAST,
  inNetwork,
  isLoopback,
  isMulticast,
  LOOPBACK,
  UNSPECIFIED,
} from "../../inet/addresses.ts";
import type { Interface } from "./interface.ts";

/** One row of the table. */
export interface Route {
  readonly network: number;
  readonly prefix: number;
  /** 0: the network is on the wire. */
  readonly gateway: number;
  readonly iface: Interface;
}

/** How one destination is reached. */
export interface Path {
  readonly destination: number;
  readonly iface: Interface;
  /** Whom the frame is for: the destination, or a gateway. */
  readonly nextHop: number;
  /** Our address on that interface; 0 while it has none. */
  readonly source: number;
  /** Everyone, or a group: no address to resolve, and nobody to complain about. */
  readonly isGroup: boolean;
}

/** Paths that are remembered. */
const MAX_PATHS = 1024;

/** The routing table of a machine, which forwards nothing: it only knows where its own packets go. */
export class Routes {
  private readonly table: Route[] = [];
  private readonly paths = new Map<number, Path>();

  /** @param interfaces all of them; those that come later count, too. */
  constructor(private readonly interfaces: readonly Interface[]) {}

  /** Adds a route: gateway 0 means on the wire. */
  add(network: number, prefix: number, gateway: number, iface: Interface): void {
    this.table.push({ network, prefix, gateway, iface });
    this.table.sort((a, b) => b.prefix - a.prefix);
    this.changed();
  }
  /** Removes all routes of an interface. */
  removeOf(iface: Interface): void {
    for (let i = this.table.length; i-- > 0;) if (this.table[i].iface === iface) this.table.splice(i, 1);
    this.changed();
  }
  /** An interface has another address. */
  changed(): void {
    this.paths.clear();
  }
  list(): readonly Route[] {
    return this.table;
  }

  /** Whether packets for `address` are for this machine. */
  isOwn(address: number): boolean {
    if (isLoopback(address)) return true;
    for (const { address: own } of this.interfaces) if (own === address && own !== UNSPECIFIED) return true;
    return false;
  }

  /** The way to `destination`; undefined: there is none. */
  path(destination: number): Path | undefined {
    const known = this.paths.get(destination);
    if (known !== undefined) return known;
    const path = this.find(destination);
    if (path === undefined) return undefined;
    if (this.paths.size >= MAX_PATHS) this.paths.clear();
    this.paths.set(destination, path);
    return path;
  }

  private find(destination: number): Path | undefined {
    if (destination === UNSPECIFIED) return undefined;
    const loopback = this.interfaces.find((i) => i.isLoopback);
    if (loopback !== undefined && this.isOwn(destination)) {
      const source = isLoopback(destination) ? LOOPBACK : destination;
      return { destination, iface: loopback, nextHop: destination, source, isGroup: false };
    }
    if (destination === BROADCAST || isMulticast(destination)) {
      const iface = this.interfaces.find((i) => !i.isLoopback);
      return iface && { destination, iface, nextHop: destination, source: iface.address, isGroup: true };
    }
    for (const { network, prefix, gateway, iface } of this.table) {
      if (!inNetwork({ address: network, prefix }, destination)) continue;
      const nextHop = gateway === UNSPECIFIED ? destination : gateway;
      const isGroup = iface.isBroadcast(destination);
      return { destination, iface, nextHop, source: iface.address, isGroup };
    }
    return undefined;
  }
}
