/**
 * The user-mode network: the host's sockets as a network for a guest, without privileges. `network.ts` is the back end,
 * `guest_link.ts` the wire to the guest, `dhcp_server.ts`, `dns_relay.ts`, `udp_relay.ts` and `tcp_relay.ts` what is on it;
 * `host.ts` is what it asks of its host, and `options.ts` reads QEMU's words for it.
 */
export * from "./host.ts";
export { UserNetwork } from "./network.ts";
export { type Forward, type UserOptions, userOptions } from "./options.ts";
