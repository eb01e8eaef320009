import { formatAddress, formatCidr, formatMac, netmask } from "../../inet/addresses.ts";
import { pingTo } from "../apps/ping.ts";
import { AppUsageError, endpointText } from "../apps/support.ts";
import { wgetTo } from "../apps/wget.ts";
import type { Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import type { Interface } from "../net/interface.ts";
import { SocketError } from "../net/mod.ts";
import { type Command, CommandError } from "./mod.ts";

type Out = (line: string) => void;

/** `ifconfig`: the interfaces, their addresses and counts. */
export const ifconfig: Command = {
  usage: "ifconfig",
  help: "network interfaces: addresses, link, counts; routes and name servers",
  run(kernel, _args, out) {
    const { stack } = kernel.parts.net;
    for (const iface of stack.interfaces) printInterface(kernel, iface, out);
    for (const { network, prefix, gateway, iface } of stack.routes.list()) {
      const via = gateway === 0 ? "on the wire" : `by ${formatAddress(gateway)}`;
      const to = prefix === 0 ? "default" : formatCidr({ address: network, prefix });
      out(`route ${to} ${via}, ${iface.name}`);
    }
    const servers = stack.nameServers.map(formatAddress).join(" ");
    if (servers !== "") out(`name servers ${servers}`);
  },
};

/** `ip`: the same by another name. */
export const ip: Command = { ...ifconfig, usage: "ip", help: "as ifconfig" };

function printInterface(kernel: Kernel, iface: Interface, out: Out): void {
  const { name, device, mtu, linkUp, counters: c, address, prefix } = iface;
  const { stack } = kernel.parts.net;
  const state = device.broken !== undefined ? `broken: ${device.broken.message}` : linkUp ? "up" : "no link";
  out(
    `${name}: ${device.name}, ${state}, mtu ${mtu}${
      iface.isLoopback ? "" : `, ether ${formatMac(device.mac)}`
    }`,
  );
  if (address !== 0) out(`   inet ${formatCidr(iface.cidr)} netmask ${formatAddress(netmask(prefix))}`);
  const client = stack.dhcp.of(iface);
  if (client !== undefined) {
    const { lease } = client, left = lease && (lease.expires - kernel.parts.platform.now()) / 1e9;
    const until = left === undefined ? "" : left === Infinity ? ", for ever" : `, ${Math.floor(left)} s left`;
    out(`   DHCP ${client.state}${until}`);
  }
  out(`   rx ${c.rxFrames} frames, ${c.rxBytes} bytes, ${c.rxDropped} dropped`);
  out(
    `   tx ${c.txFrames} frames, ${c.txBytes} bytes, ${c.txDropped} dropped, card full ${c.txRefused} times`,
  );
}

/** `arp`: who is on the wire. */
export const arp: Command = {
  usage: "arp",
  help: "hardware addresses of others on the wire",
  run(kernel, _args, out) {
    const { stack } = kernel.parts.net;
    for (const [iface, arp] of stack.arps) {
      for (const { address, mac, state, held } of arp.neighbors.list(kernel.parts.platform.now())) {
        const where = mac === undefined ? "?" : formatMac(mac);
        const waiting = held === 0 ? "" : `, ${held} frames wait`;
        out(`${formatAddress(address).padEnd(15)} ${where.padEnd(17)} ${iface.name} ${state}${waiting}`);
      }
      if (arp.conflicts > 0) out(`${iface.name}: ${arp.conflicts} conflicts over our own address`);
    }
  },
};

/** `netstat`: sockets, connections, and what was counted. */
export const netstat: Command = {
  usage: "netstat [-s]",
  help: "sockets and connections; with -s what the protocols have counted",
  run(kernel, args, out) {
    const { net } = kernel.parts, { stack } = net;
    if (args[0] === "-s") {
      const all = { tcp: stack.tcp.counters, udp: stack.udp.counters, icmp: stack.icmp.counters };
      const ip = { ...stack.input.counters, ...stack.output.counters, ...stack.input.reassembler.counters };
      for (const [name, counters] of Object.entries({ ...all, ip })) {
        const shown = Object.entries(counters).filter(([, n]) => n !== 0).map(([what, n]) => `${what} ${n}`);
        out(`${name.padEnd(4)} ${shown.join(", ") || "nothing"}`);
      }
      return;
    }
    if (args.length > 0) throw new CommandError(`'${args[0]}' is no option`);
    out("proto local                 remote                state");
    const row = (proto: string, local: string, remote: string, state: string) =>
      out(`${proto.padEnd(5)} ${local.padEnd(21)} ${remote.padEnd(21)} ${state}`);
    for (const socket of net.sockets) {
      const local = endpointText(socket.getsockname());
      if (socket.protocol !== "tcp") row(socket.protocol, local, "*", "");
      else if (socket.isListening) row("tcp", local, "*", "LISTEN");
    }
    for (const { local, remote, state } of stack.tcpConnections) {
      row("tcp", endpointText(local), endpointText(remote), state);
    }
  },
};

/** `nslookup`: a name's addresses. */
export const nslookup: Command = {
  usage: "nslookup NAME",
  help: "look up the addresses of a name",
  *run(kernel, args, out) {
    if (args.length !== 1) throw new CommandError("one name is expected");
    try {
      const addresses = yield* kernel.parts.net.resolver.getaddrinfo(args[0]);
      for (const address of addresses) out(`${args[0]} has address ${formatAddress(address)}`);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      out(error.message);
    }
  },
};

/** `ping`: asks for answers. */
export const ping: Command = {
  usage: "ping HOST [COUNT [SIZE]]",
  help: "ask a machine for an answer",
  run: (kernel, args, out) => asCommand(pingTo(kernel, args, out)),
};

/** `wget`: fetches a page. */
export const wget: Command = {
  usage: "wget URL",
  help: "fetch a page; print its status, size, SHA-256, and short text",
  run: (kernel, args, out) => asCommand(wgetTo(kernel, args, out)),
};

/** Runs an application as a command. */
function* asCommand(task: Task<number>): Task<void> {
  try {
    yield* task;
  } catch (error) {
    throw error instanceof AppUsageError ? new CommandError(error.message) : error;
  }
}
