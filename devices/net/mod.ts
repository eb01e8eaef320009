/**
 * Network back ends (QEMU's `-netdev`) and what is between them and a card: `user/` the user-mode network, `hub.ts` a hub,
 * `fault_link.ts` a bad link, `filter_dump.ts` a capture. None of it touches the host: sockets and files are handed in by
 * `devices/host/net/`.
 */
export type { NetBackend, NetClock, NetFrontend } from "./backend.ts";
export { FaultLink, type Faults, NO_FAULTS } from "./fault_link.ts";
export { FilterDump } from "./filter_dump.ts";
export { Hub, HubPort } from "./hub.ts";
export { PcapWriter } from "./pcap.ts";
export * from "./user/mod.ts";
