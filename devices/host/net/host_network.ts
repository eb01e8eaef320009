import { formatAddress } from "../../../inet/addresses.ts";
import type { HostDatagrams, HostNetwork, HostStream } from "../../net/user/host.ts";
import { UdpSocket } from "./datagrams.ts";
import { Resolver } from "./resolver.ts";
import { TcpStream } from "./stream.ts";

/**
 * The host's network through Deno, as far as Deno's own permissions let the guest: what `--allow-net` does not name is
 * refused, without asking whoever sits at the terminal.
 */
export class DenoNetwork implements HostNetwork {
  private resolver: Resolver | undefined;

  connect(address: number, port: number): HostStream | undefined {
    const hostname = formatAddress(address);
    if (port === 0 || !allowed(`${hostname}:${port}`)) return undefined;
    return new TcpStream(Deno.connect({ hostname, port }));
  }
  datagrams(): HostDatagrams | undefined {
    return allowed("0.0.0.0:0") ? UdpSocket.any() : undefined;
  }
  resolve(query: Uint8Array): Promise<Uint8Array | undefined> {
    if (!allowed("0.0.0.0:0")) return Promise.resolve(undefined);
    this.resolver ??= new Resolver();
    return this.resolver.resolve(query);
  }
  close(): void {
    this.resolver?.close();
  }
}

/** Whether Deno lets us use a host and port. */
export function allowed(host: string): boolean {
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}
