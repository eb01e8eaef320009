import { F, NetF } from "../../spec/virtio/features.ts";
import type { PropertySpec, PropertyType, PropValues } from "./props.ts";

const modelled = (
  name: string,
  type: PropertyType,
  help: string,
  def?: string,
  since?: string,
): PropertySpec => ({
  name,
  type,
  help,
  state: "modelled",
  ...(def === undefined ? {} : { default: def }),
  ...(since === undefined ? {} : { since }),
});
const accepted = (name: string, type: PropertyType, help: string, def?: string): PropertySpec => ({
  ...modelled(name, type, help, def),
  state: "accepted",
});
const refused = (name: string, type: PropertyType, help: string, def?: string): PropertySpec => ({
  ...modelled(name, type, help, def),
  state: "refused",
});

type FeatureProp = [name: string, bit: bigint, def: "on" | "off", help: string, since?: string];

/** Features that a property offers. */
const FEATURE_PROPS: FeatureProp[] = [
  ["indirect_desc", F.INDIRECT_DESC, "on", "offer indirect descriptors"],
  ["event_idx", F.EVENT_IDX, "on", "offer notification suppression by index"],
  ["notify_on_empty", F.NOTIFY_ON_EMPTY, "on", "legacy: interrupt when the ring runs empty"],
  ["any_layout", F.ANY_LAYOUT, "on", "legacy: any descriptor layout"],
  ["iommu_platform", F.ACCESS_PLATFORM, "off", "offer and require ACCESS_PLATFORM"],
  ["packed", F.RING_PACKED, "off", "offer the packed ring"],
  ["queue_reset", F.RING_RESET, "on", "offer the reset of single queues"],
  ["in_order", F.IN_ORDER, "off", "offer use in order", "QEMU 10.0"],
  [
    "notification_data",
    F.NOTIFICATION_DATA,
    "off",
    "offer notifications that carry the ring position",
    "QEMU 9.1",
  ],
  ["x-order-platform", F.ORDER_PLATFORM, "off", "offer ORDER_PLATFORM", "pagurus"],
];

/** The same of the network device. The ones of offloads mean something only with `x-vnet-hdr=on`. */
const NET_FEATURE_PROPS: FeatureProp[] = [
  ["csum", NetF.CSUM, "on", "offer to fill in checksums"],
  ["guest_csum", NetF.GUEST_CSUM, "on", "offer frames whose checksum needs no look"],
  ["gso", NetF.GSO, "on", "legacy: offer to cut large packets of any kind"],
  ["guest_tso4", NetF.GUEST_TSO4, "on", "offer large TCP packets over IPv4 to the guest"],
  ["guest_tso6", NetF.GUEST_TSO6, "on", "offer large TCP packets over IPv6 to the guest"],
  ["guest_ecn", NetF.GUEST_ECN, "on", "offer large TCP packets with ECN to the guest"],
  ["guest_ufo", NetF.GUEST_UFO, "on", "offer large UDP packets to the guest"],
  ["host_tso4", NetF.HOST_TSO4, "on", "offer to cut large TCP packets over IPv4"],
  ["host_tso6", NetF.HOST_TSO6, "on", "offer to cut large TCP packets over IPv6"],
  ["host_ecn", NetF.HOST_ECN, "on", "offer to cut large TCP packets with ECN"],
  ["host_ufo", NetF.HOST_UFO, "on", "offer to cut large UDP packets"],
  ["mrg_rxbuf", NetF.MRG_RXBUF, "on", "offer frames in several receive buffers"],
  ["status", NetF.STATUS, "on", "offer the state of the link"],
  ["ctrl_vq", NetF.CTRL_VQ, "on", "offer the control queue"],
  ["ctrl_rx", NetF.CTRL_RX, "on", "offer receive modes"],
  ["ctrl_vlan", NetF.CTRL_VLAN, "on", "offer a filter for VLAN tags"],
  ["ctrl_rx_extra", NetF.CTRL_RX_EXTRA, "on", "offer more receive modes"],
  ["ctrl_mac_addr", NetF.CTRL_MAC_ADDR, "on", "offer to change the address"],
  ["ctrl_guest_offloads", NetF.CTRL_GUEST_OFFLOADS, "on", "offer to switch offloads to the guest"],
  ["guest_announce", NetF.GUEST_ANNOUNCE, "on", "offer to ask for gratuitous frames"],
  ["mq", NetF.MQ, "off", "offer several pairs of queues"],
];

/** What every device has. */
const COMMON: readonly PropertySpec[] = [
  modelled("id", "text", "a name for the device"),
  modelled("bus", "text", "the bus it goes on"),
];
/** Properties of every virtio device, on whatever bus. */
const VIRTIO: readonly PropertySpec[] = [
  ...FEATURE_PROPS.map(([name, , def, help, since]) => modelled(name, "bool", help, def, since)),
  accepted("use-started", "bool", "migration of the started flag", "on"),
  accepted("use-disabled-flag", "bool", "migration of the disabled flag", "on"),
  accepted("x-disable-legacy-check", "bool", "allow legacy where the device has none", "off"),
];
/** Properties of every device on PCI. */
const PCI: readonly PropertySpec[] = [
  modelled("addr", "address", "slot and function, hexadecimal: 06.0 or 06"),
  modelled("multifunction", "bool", "several functions in the slot", "off"),
  modelled("page-per-vq", "bool", "a page of notifications for each queue", "off"),
  accepted("ioeventfd", "bool", "notifications past the main loop", "on"),
  accepted("ats", "bool", "address translation service (express only)", "off"),
  accepted("aer", "bool", "advanced error reporting (express only)", "off"),
  accepted("acpi-index", "uint32", "index in ACPI's tables", "0"),
  accepted("rombar", "uint32", "show the option ROM", "1"),
  accepted("romsize", "uint32", "size of the option ROM", "4294967295"),
  accepted("migrate-extra", "bool", "migration format", "on"),
  accepted("virtio-pci-bus-master-bug-migration", "bool", "migration from old versions", "off"),
  accepted("x-ats-page-aligned", "bool", "express only", "on"),
  accepted("x-disable-pcie", "bool", "express only", "off"),
  accepted("x-ignore-backend-features", "bool", "back ends in other processes", "off"),
  ...["deverr-init", "extcap-init", "flr-init", "lnkctl-init", "lnksta-dllla", "pm-init"].map((n) =>
    accepted(`x-pcie-${n}`, "bool", "express only", "on")
  ),
  refused("romfile", "text", "an option ROM", ""),
  refused("failover_pair_id", "text", "network failover"),
  refused("modern-pio-notify", "bool", "notifications through a port window", "off"),
];
const MODES: readonly PropertySpec[] = [
  modelled("disable-legacy", "on/off/auto", "hide the legacy interface", "auto"),
  modelled("disable-modern", "bool", "hide the modern interface", "off"),
];

/** Own properties of the entropy device. */
const RNG: readonly PropertySpec[] = [
  modelled("max-bytes", "uint64", "bytes given out in one period, below 2^63", "9223372036854775807"),
  modelled("period", "uint32", "length of a period in ms", "65536"),
  accepted("rng", "text", "id of an -object rng-*; the machine's seeded generator fills every buffer"),
];
/** Own properties of the serial device. */
const SERIAL: readonly PropertySpec[] = [
  modelled("max_ports", "uint32", "how many ports there can be, 1 to 511", "31"),
  modelled("emergency-write", "bool", "characters through the configuration", "on"),
  modelled("x-size", "size", "offer SIZE with COLSxROWS", undefined, "pagurus"),
];

/** Own properties of the network device. */
const NET: readonly PropertySpec[] = [
  modelled("netdev", "text", "id of the -netdev it is connected with"),
  modelled("mac", "mac", "its address; 52:54:00:12:34:56 and up if not given"),
  ...NET_FEATURE_PROPS.map(([name, , def, help]) => modelled(name, "bool", help, def)),
  modelled("host_mtu", "uint16", "MTU that the guest is told, 0 for none", "0"),
  modelled("speed", "int32", "Mbit/s that the guest is told, -1 for unknown", "-1"),
  modelled("duplex", "text", "half or full, for the guest to see"),
  modelled("rx_queue_size", "uint16", "256, 512 or 1024", "256"),
  modelled("tx_queue_size", "uint16", "256, 512 or 1024; more than 256 needs another back end", "256"),
  modelled("tx", "text", "bh (frames leave at once) or timer"),
  modelled("x-txtimer", "uint32", "tx=timer: ns that a frame waits for others", "150000"),
  modelled("x-txburst", "int32", "frames sent before others get a turn", "256"),
  modelled("x-vnet-hdr", "bool", "the card itself does the offloads", "off", "pagurus"),
  accepted("bootindex", "int32", "order of boot devices"),
  accepted("x-mtu-bypass-backend", "bool", "back ends in other processes", "on"),
  accepted("rsc_interval", "uint32", "ns that packets wait to be coalesced", "300000"),
  refused("rss", "bool", "receive side scaling", "off"),
  refused("hash", "bool", "reports of a packet's hash", "off"),
  refused("guest_rsc_ext", "bool", "coalescing of received packets", "off"),
  refused("failover", "bool", "network failover", "off"),
];

/** Properties of the entropy device on PCI (`modes`: legacy and modern can be chosen) or on its own. */
export const rngProperties = (pci: boolean, modes = true): PropertySpec[] => [
  ...COMMON,
  ...(pci ? pciProperties("4294967295", modes) : []),
  ...VIRTIO,
  ...RNG,
];
/** Properties of the serial device. */
export const serialProperties = (pci: boolean, modes = true): PropertySpec[] => [
  ...COMMON,
  ...(pci
    ? [
      ...pciProperties("2", modes),
      modelled("class", "uint32", "PCI class: 0x0380 or 0x00ff; any other is 0x0780", "0"),
    ]
    : []),
  ...VIRTIO,
  ...SERIAL,
];
/** Properties of the network device. */
export const netProperties = (pci: boolean, modes = true): PropertySpec[] => [
  ...COMMON,
  ...(pci ? pciProperties("4294967295", modes) : []),
  ...VIRTIO,
  ...NET,
];
/** Properties of a serial port. */
export const portProperties = (): PropertySpec[] => [
  ...COMMON,
  modelled("chardev", "text", "id of the -chardev it is connected with"),
  modelled("name", "text", "the port's name, told to the guest"),
  modelled("nr", "uint32", "the port's number", "4294967295"),
];
function pciProperties(vectors: string, modes: boolean): PropertySpec[] {
  return [
    ...PCI,
    modelled("vectors", "uint32", "MSI-X vectors, 0 for none", vectors),
    ...(modes ? MODES : []),
  ];
}

/** The feature set that the properties offer, without what the device adds itself. */
export function offeredFeatures(values: PropValues, net = false): bigint {
  const props = net ? [...FEATURE_PROPS, ...NET_FEATURE_PROPS] : FEATURE_PROPS;
  return props.reduce((set, [name, bit]) => values.bool(name) ? set | bit : set, 0n);
}
