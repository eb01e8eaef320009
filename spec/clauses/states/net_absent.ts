/** Why clauses of network features that no card here has do not apply. */
export const NO_TUNNEL = "no card offers a UDP tunnel feature";
export const NO_OUT_HEADER = "no card offers OUT_NET_HEADER";
export const NO_HDRLEN = "no card offers GUEST_HDRLEN";
export const NO_ECN =
  "no card offers GUEST_ECN or HOST_ECN: QEMU's user and hubport back ends have no header, and " +
  "x-vnet-hdr does without";
export const NO_RSC = "no card offers RSC_EXT (guest_rsc_ext is refused)";
export const NO_IPSEC = "no card offers IPSEC";
export const NO_RSS = "no card offers RSS or HASH_REPORT (rss and hash are refused)";
export const NO_HASH_TUNNEL = "no card offers HASH_TUNNEL";
export const NO_CONTEXT = "no card offers RSS_CONTEXT";
export const NO_COAL = "no card offers NOTF_COAL or VQ_NOTF_COAL";
export const NO_STATS = "no card offers DEVICE_STATS";
export const NO_FLOW = "no card has flow filters: they need an administration queue";
export const NO_STANDBY = "no card offers STANDBY (failover is refused)";
export const NO_SPEED = "no driver here takes SPEED_DUPLEX";
