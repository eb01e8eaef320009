/**
 * Network back ends that touch the host: sockets for `-netdev user` and `socket`, files for `filter-dump`. What they carry
 * is in `devices/net/`.
 */
export { UdpSocket } from "./datagrams.ts";
export { DenoNetwork } from "./host_network.ts";
export { TcpListener } from "./listener.ts";
export { Resolver } from "./resolver.ts";
export { TcpStream } from "./stream.ts";
export { type HostNetdevs, type NetdevOptions, openNetdevs, type OpenPort } from "./open.ts";
