/** Network device (virtio 1.4, 5.1). */

/** Queue numbers of pair n (virtio 1.4, 5.1.2); the control queue follows the last pair. */
export const receiveQueue = (pair: number): number => 2 * pair;
/** See {@link receiveQueue}. */
export const transmitQueue = (pair: number): number => 2 * pair + 1;

/** Offsets in the device configuration (virtio 1.4, 5.1.4), and its whole length. */
export const NetConfig = {
  MAC: 0,
  STATUS: 6,
  MAX_VIRTQUEUE_PAIRS: 8,
  MTU: 10,
  SPEED: 12,
  DUPLEX: 16,
  RSS_MAX_KEY_SIZE: 17,
  RSS_MAX_INDIRECTION_TABLE_LENGTH: 18,
  SUPPORTED_HASH_TYPES: 20,
  SIZE: 24,
} as const;

/** Bits of the status field (virtio 1.4, 5.1.4). */
export const NetStatus = { LINK_UP: 1, ANNOUNCE: 2 } as const;

/** Most pairs that a device may have (virtio 1.4, 5.1.4.1). */
export const MAX_PAIRS = 0x8000;

/** Offsets in struct virtio_net_hdr (virtio 1.4, 5.1.6), which precedes every frame. */
export const NetHdr = {
  FLAGS: 0,
  GSO_TYPE: 1,
  HDR_LEN: 2,
  GSO_SIZE: 4,
  CSUM_START: 6,
  CSUM_OFFSET: 8,
  NUM_BUFFERS: 10,
} as const;
/** Bytes of the header. */
export const NET_HDR_SIZE = 12;
/** Bytes of the header where neither VERSION_1 nor MRG_RXBUF was negotiated: no num_buffers. */
export const NET_HDR_LEGACY_SIZE = 10;

/** Flags of the header. */
export const NetHdrF = {
  /** The transport checksum is to be filled in: from csum_start on, at csum_offset from there. */
  NEEDS_CSUM: 1,
  /** The device has checked the transport checksum. Receiving only. */
  DATA_VALID: 2,
  /** csum_start and csum_offset are counts of coalesced segments. Receiving only. */
  RSC_INFO: 4,
  /** The checksum of the outer UDP header is to be filled in, or was checked. */
  UDP_TUNNEL_CSUM: 8,
  /** IPsec: to be done, or done. */
  SECURITY: 0x10,
  /** IPsec failed. Receiving only. */
  SECURITY_ERR: 0x20,
  /** An IPsec association ends soon. Receiving only. */
  SECURITY_SA_SOFT_EXPIRY_WARN: 0x40,
} as const;

/** gso_type of the header. */
export const NetGso = {
  NONE: 0,
  TCPV4: 1,
  UDP: 3,
  TCPV6: 4,
  UDP_L4: 5,
  /** Bits beside those: within a UDP tunnel, and the TCP packet tells of congestion. */
  UDP_TUNNEL_IPV4: 0x20,
  UDP_TUNNEL_IPV6: 0x40,
  ECN: 0x80,
} as const;

/** Classes of control commands (virtio 1.4, 5.1.6.5). */
export const NetCtrl = {
  RX: 0,
  MAC: 1,
  VLAN: 2,
  ANNOUNCE: 3,
  MQ: 4,
  GUEST_OFFLOADS: 5,
  NOTF_COAL: 6,
  HASH_TUNNEL: 7,
  STATS: 8,
  RSS_CONTEXT: 9,
} as const;
/** Commands of class RX: one byte follows, 0 or 1. */
export const NetCtrlRx = { PROMISC: 0, ALLMULTI: 1, ALLUNI: 2, NOMULTI: 3, NOUNI: 4, NOBCAST: 5 } as const;
/** Commands of class MAC. TABLE_SET: two lists (unicast, multicast), each a le32 count and addresses. */
export const NetCtrlMac = { TABLE_SET: 0, ADDR_SET: 1 } as const;
/** Commands of class VLAN: a le16 follows. */
export const NetCtrlVlan = { ADD: 0, DEL: 1 } as const;
/** Command of class ANNOUNCE. */
export const NetCtrlAnnounce = { ACK: 0 } as const;
/** Commands of class MQ. VQ_PAIRS_SET: a le16 follows. */
export const NetCtrlMq = { VQ_PAIRS_SET: 0, RSS_CONFIG: 1, HASH_CONFIG: 2 } as const;
/** Command of class GUEST_OFFLOADS: a le64 of feature bits follows. */
export const NetCtrlGuestOffloads = { SET: 0 } as const;
/** Commands of class NOTF_COAL. */
export const NetCtrlNotfCoal = { TX_SET: 0, RX_SET: 1, VQ_SET: 2, VQ_GET: 3 } as const;
/** Command of class HASH_TUNNEL: a le32 of tunnel types follows. */
export const NetCtrlHashTunnel = { SET: 0 } as const;
/** Commands of class STATS. */
export const NetCtrlStats = { QUERY: 0, GET: 1 } as const;
/** Commands of class RSS_CONTEXT. */
export const NetCtrlRssContext = { CAP_GET: 0, ADD: 1, MOD: 2, DEL: 3 } as const;
/** What the device answers. */
export const NetCtrlAck = { OK: 0, ERR: 1 } as const;

/** Bytes of an Ethernet header, and of a VLAN tag within it. */
export const ETH_HEADER = 14, VLAN_TAG = 4;
/** What a VLAN tag begins with, where a frame's type would be (IEEE 802.1Q, 802.1ad). */
export const VLAN_TYPES = [0x8100, 0x88a8] as const;
/** The MTU where the device does not say one. */
export const DEFAULT_MTU = 1500;
/** Receive buffers without big packets: 1526 bytes with the header (virtio 1.4, 5.1.6.3.1). */
export const RX_BUFFER = 1526;
/** Receive buffers with GUEST_TSO4, GUEST_TSO6 or GUEST_UFO and without MRG_RXBUF (virtio 1.4, 5.1.6.3.1). */
export const RX_BUFFER_BIG = 65601;
