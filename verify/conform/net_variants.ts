/** Variants of the network card that are looked at register by register. */

/** Options that change features, or the configuration and its length. */
export const NET_FEATURES: readonly string[] = [
  "mq=on",
  "status=off",
  "mrg_rxbuf=off",
  "gso=off",
  "csum=off,guest_csum=off",
  "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off",
  "host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off",
  "ctrl_vq=off",
  "ctrl_rx=off,ctrl_rx_extra=off,ctrl_vlan=off",
  "ctrl_mac_addr=off,ctrl_guest_offloads=off",
  "guest_announce=off",
  "packed=on",
  "host_mtu=68",
  "host_mtu=65535,mq=on",
  "speed=0",
  "speed=2147483647,duplex=half",
  "duplex=full",
  "mac=52:54:00:12:34:60",
  "mac=00:00:00:00:00:00",
  "mac=ff-ff-ff-ff-ff-ff",
];
/** Options that change queues or the layout on PCI. */
export const NET_LAYOUT: readonly string[] = [
  "rx_queue_size=512,tx_queue_size=512",
  "rx_queue_size=1024,tx_queue_size=1024",
  "disable-legacy=on",
  "disable-modern=on",
  "vectors=0",
  "vectors=3",
  "vectors=100",
  "page-per-vq=on",
];
/** Options that a guest cannot see. */
export const NET_UNSEEN: readonly string[] = [
  "tx=timer",
  "tx=bh,x-txtimer=1,x-txburst=1",
  "bootindex=1",
  "rsc_interval=5",
  "x-mtu-bypass-backend=off",
];
