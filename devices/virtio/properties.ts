import { F } from "../../spec/virtio/features.ts";
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

/** Features that a property offers. */
const FEATURE_PROPS: [name: string, bit: bigint, def: "on" | "off", help: string, since?: string][] = [
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
  refused("romfile", "text", "an option ROM"),
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

/** The feature set that the properties offer, without the device's own bits. */
export function offeredFeatures(values: PropValues): bigint {
  return FEATURE_PROPS.reduce((set, [name, bit]) => values.bool(name) ? set | bit : set, 0n);
}
