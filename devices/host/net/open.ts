import type { NetBackend } from "../../net/backend.ts";
import { dumpOptions, readHostPort } from "../../description/net_words.ts";
import {
  type MachineDescription,
  type NetdevDescription,
  type ObjectDescription,
  UsageError,
} from "../../description/mod.ts";
import { readFaults } from "../../net/fault_words.ts";
import { FaultLink } from "../../net/fault_link.ts";
import { FilterDump } from "../../net/filter_dump.ts";
import { Hub } from "../../net/hub.ts";
import { PcapWriter } from "../../net/pcap.ts";
import { SocketNetdev } from "../../net/socket_netdev.ts";
import { type Forward, type HostForward, UserNetwork, userOptions } from "../../net/user/mod.ts";
import { HostError, OutputFile } from "../file.ts";
import { UdpSocket } from "./datagrams.ts";
import { allowed, DenoNetwork } from "./host_network.ts";
import { TcpListener } from "./listener.ts";
import { TcpStream } from "./stream.ts";

/** A port of the host that was opened, with its number where any was asked for. */
export interface OpenPort {
  readonly netdev: string;
  readonly protocol: "tcp" | "udp";
  readonly hostname: string;
  readonly port: number;
}

/** The host's network back ends of a description; {@link HostNetdevs.close} gives sockets back and flushes files. */
export interface HostNetdevs {
  readonly netdevs: Map<string, NetBackend>;
  readonly ports: readonly OpenPort[];
  close(): void;
}

export interface NetdevOptions {
  /** Told in a line what somebody may want to know: a peer that comes or goes, what the guest may not do. */
  readonly log?: (line: string) => void;
  /** The hub of a number, for several machines that share them (`Cluster.hub`). Default: hubs of this machine alone. */
  readonly hub?: (number: number) => Hub;
}

/**
 * Opens the network back ends that a description names.
 *
 * @throws {HostError} if a port is in use, or not allowed.
 * @throws {UsageError} if a file cannot be created.
 */
export async function openNetdevs(
  desc: Pick<MachineDescription, "netdevs" | "objects">,
  options: NetdevOptions = {},
): Promise<HostNetdevs> {
  const opener = new Opener(desc, options);
  try {
    for (const netdev of desc.netdevs) await opener.open(netdev);
  } catch (error) {
    opener.close();
    throw error;
  }
  return opener;
}

class Opener implements HostNetdevs {
  readonly netdevs = new Map<string, NetBackend>();
  readonly ports: OpenPort[] = [];
  private readonly closers: (() => void)[] = [];
  private readonly made = new Map<string, NetBackend>();
  private readonly hubs = new Map<number, Hub>();
  private readonly hub: (number: number) => Hub;
  private readonly log: (line: string) => void;

  constructor(
    private readonly desc: Pick<MachineDescription, "netdevs" | "objects">,
    options: NetdevOptions,
  ) {
    this.hub = options.hub ?? ((number) => this.ownHub(number));
    this.log = options.log ?? (() => {});
  }

  async open(netdev: NetdevDescription): Promise<NetBackend> {
    const known = this.made.get(netdev.id);
    if (known !== undefined) return known;
    const where = `-netdev ${netdev.type},id=${netdev.id}`;
    let backend = await this.make(netdev, where);
    this.closers.push(() => void backend.close?.());
    const faults = readFaults(where, netdev.props);
    if (faults !== undefined) backend = new FaultLink(backend, faults);
    for (const object of this.desc.objects) {
      if (object.type === "filter-dump" && object.props.netdev === netdev.id) {
        backend = this.dump(object, backend);
      }
    }
    this.made.set(netdev.id, backend);
    this.netdevs.set(netdev.id, backend);
    return backend;
  }
  close(): void {
    for (const close of this.closers.splice(0).reverse()) close();
  }

  private make(netdev: NetdevDescription, where: string): Promise<NetBackend> {
    if (netdev.type === "user") return this.user(netdev, where);
    if (netdev.type === "socket") return this.socket(netdev, where);
    return this.hubport(netdev);
  }

  private async user({ id, props, hostfwd }: NetdevDescription, where: string): Promise<NetBackend> {
    const options = userOptions(where, props, hostfwd);
    const sockets: HostForward[] = [];
    for (const [i, rule] of options.forwards.entries()) {
      const socket = await this.forward(rule, `${where}: hostfwd=${hostfwd![i]}`);
      sockets.push(socket);
      this.ports.push({ netdev: id, protocol: rule.protocol, hostname: rule.hostAddress, port: socket.port });
      if (rule.hostPort === 0) {
        this.log(
          `netdev '${id}': ${rule.protocol} ${rule.hostAddress}:${socket.port} leads to port ${rule.guestPort}`,
        );
      }
    }
    const host = new DenoNetwork();
    this.closers.push(() => host.close());
    return new UserNetwork(id, options, host, sockets, this.log);
  }
  private async forward(rule: Forward, where: string): Promise<HostForward> {
    const { protocol, hostAddress, hostPort } = rule;
    const socket = await onHost<HostForward>(
      where,
      `${hostAddress}:${hostPort}`,
      () =>
        protocol === "tcp" ? new TcpListener(hostAddress, hostPort) : UdpSocket.bind(hostAddress, hostPort),
    );
    this.closers.push(() => socket.close());
    return socket;
  }

  private async socket({ id, props }: NetdevDescription, where: string): Promise<NetBackend> {
    const name = props.listen === undefined ? "connect" : "listen";
    const { hostname, port } = readHostPort(where, name, props[name]);
    const what = `${where},${name}=${props[name]}`;
    if (name === "connect") {
      const conn = await onHost(what, `${hostname}:${port}`, () => Deno.connect({ hostname, port }));
      return new SocketNetdev(id, { stream: new TcpStream(conn) }, this.log);
    }
    const listener = await onHost(what, `${hostname}:${port}`, () => new TcpListener(hostname, port));
    this.ports.push({ netdev: id, protocol: "tcp", hostname, port: listener.port });
    return new SocketNetdev(id, { listener }, this.log);
  }

  private async hubport({ id, props }: NetdevDescription): Promise<NetBackend> {
    const hub = this.hub(Number(props.hubid));
    if (props.netdev === undefined) return hub.port(id);
    const peer = await this.open(this.desc.netdevs.find((n) => n.id === props.netdev)!);
    // The port stands for it: no card has it.
    this.netdevs.delete(props.netdev);
    return hub.port(id, peer);
  }

  private ownHub(number: number): Hub {
    let hub = this.hubs.get(number);
    if (hub === undefined) this.hubs.set(number, hub = new Hub());
    return hub;
  }

  private dump(object: ObjectDescription, backend: NetBackend): NetBackend {
    const where = `-object filter-dump,id=${object.id}`;
    const { file, maxLength, queue, on } = dumpOptions(where, object.props);
    if (!on) return backend;
    let out: OutputFile;
    try {
      out = new OutputFile(file);
    } catch (error) {
      throw new UsageError(`${where},file=${file}: ${(error as Error).message}`);
    }
    this.closers.push(() => out.close());
    const pcap = new PcapWriter((bytes) => out.write(bytes), maxLength);
    return new FilterDump(backend, pcap, queue, () => out.flush());
  }
}

/** Opens something at an address of the host, or says what is in the way. @throws {HostError} */
async function onHost<T>(where: string, address: string, open: () => T | Promise<T>): Promise<T> {
  if (!allowed(address)) throw new HostError(`${where}: not allowed (deno run --allow-net=${address})`);
  try {
    return await open();
  } catch (error) {
    const why = inUse(error) ? `${address} is in use already` : `${address}: ${(error as Error).message}`;
    throw new HostError(`${where}: ${why}`);
  }
}

function inUse(error: unknown): boolean {
  return error instanceof Deno.errors.AddrInUse || (error as { code?: string }).code === "EADDRINUSE";
}
