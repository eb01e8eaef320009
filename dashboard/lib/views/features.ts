import { featureNames, featuresFromWords, unmetRequirements } from "../../../spec/virtio/features.ts";
import { virtioIdName } from "../../../spec/virtio/ids.ts";
import { DeviceStatus } from "../../../spec/virtio/status.ts";
import type { VirtioState } from "../protocol.ts";

export interface FeatureRow {
  readonly bit: number;
  readonly name: string;
  /** The device offered it (as far as the driver has read), the driver asked for it, both hold to it. */
  readonly offered: boolean;
  readonly wanted: boolean;
  readonly agreed: boolean;
  readonly meaning: string;
}

/** Negotiation with one device: how far it is, and which features. */
export interface Negotiation {
  readonly device: string;
  /** `Rng`. */
  readonly kind: string;
  /** Steps of the status register (virtio 1.4, 3.1.1), in order, and whether each is done. */
  readonly steps: readonly { readonly name: string; readonly done: boolean; readonly meaning: string }[];
  /** FAILED, DEVICE_NEEDS_RESET. */
  readonly trouble: readonly string[];
  /** Lowest bit first: whatever is offered or asked for. */
  readonly rows: readonly FeatureRow[];
  /** `MQ needs CTRL_VQ`, of what was asked for. */
  readonly unmet: readonly string[];
}

const STEPS: readonly (readonly [keyof typeof DeviceStatus, string])[] = [
  ["ACKNOWLEDGE", "the guest has seen the device"],
  ["DRIVER", "it has a driver for it"],
  ["FEATURES_OK", "both agree on the features"],
  ["DRIVER_OK", "queues are set up: the device may work"],
];

const MEANINGS: Readonly<Record<string, string>> = {
  INDIRECT_DESC: "a descriptor may point to a table of descriptors",
  EVENT_IDX: "interrupts and notifications at an index, not by a flag",
  VERSION_1: "follows virtio 1.0 or later",
  ACCESS_PLATFORM: "the platform restricts or translates what the device reaches",
  RING_PACKED: "one ring of descriptors for both sides",
  IN_ORDER: "buffers are used in the order in which they were made available",
  ORDER_PLATFORM: "barriers must reach the device",
  SR_IOV: "single root I/O virtualization",
  NOTIFICATION_DATA: "a notification carries the place in the ring",
  NOTIF_CONFIG_DATA: "the device says what a notification carries",
  RING_RESET: "one queue can be reset alone",
  NOTIFY_ON_EMPTY: "legacy: an interrupt when the ring is empty",
  ANY_LAYOUT: "legacy: any cut of headers into descriptors",
  SIZE: "columns and rows of the terminal are known",
  MULTIPORT: "several ports, and queues to control them",
  EMERG_WRITE: "a character can be written without a queue",
  CSUM: "the device completes checksums of sent packets",
  GUEST_CSUM: "received packets may come with the checksum left out",
  MTU: "the device says the largest packet",
  MAC: "the device says its address",
  MRG_RXBUF: "a frame may lie in several receive buffers",
  STATUS: "the link can be up or down",
  CTRL_VQ: "a queue for commands",
  CTRL_RX: "commands: which frames are received",
  CTRL_VLAN: "commands: which VLANs are received",
  CTRL_RX_EXTRA: "more commands about which frames are received",
  CTRL_MAC_ADDR: "command: set the address",
  CTRL_GUEST_OFFLOADS: "command: change the offloads",
  GUEST_ANNOUNCE: "the guest shall tell its address after a move",
  MQ: "several pairs of queues",
  GUEST_TSO4: "TCP/IPv4 segments may be received glued together",
  GUEST_TSO6: "TCP/IPv6 segments may be received glued together",
  GUEST_ECN: "… with congestion marks",
  GUEST_UFO: "UDP fragments may be received glued together",
  HOST_TSO4: "the device cuts TCP/IPv4 data into segments",
  HOST_TSO6: "the device cuts TCP/IPv6 data into segments",
  HOST_ECN: "… with congestion marks",
  HOST_UFO: "the device cuts UDP datagrams",
  RSS: "the device spreads connections over queues",
  HASH_REPORT: "the device tells the hash of a packet",
  SPEED_DUPLEX: "the device says its speed",
};

/** What a device and its driver have said of features. */
export function negotiation(v: VirtioState): Negotiation {
  const offered = featuresFromWords(v.offered), wanted = featuresFromWords(v.accepted);
  const rows: FeatureRow[] = [];
  for (let bit = 0; bit < 128; bit++) {
    const mask = 1n << BigInt(bit);
    if (((offered | wanted) & mask) === 0n) continue;
    const name = featureNames(mask, v.id)[0];
    const both = (offered & wanted & mask) !== 0n;
    rows.push({
      bit,
      name,
      offered: (offered & mask) !== 0n,
      wanted: (wanted & mask) !== 0n,
      agreed: v.agreed && both,
      meaning: MEANINGS[name] ?? "",
    });
  }
  const has = (name: keyof typeof DeviceStatus) => (v.status & DeviceStatus[name]) !== 0;
  return {
    device: v.device,
    kind: virtioIdName(v.id),
    steps: STEPS.map(([name, meaning]) => ({ name, meaning, done: has(name) })),
    trouble: (["DEVICE_NEEDS_RESET", "FAILED"] as const).filter(has),
    rows,
    unmet: unmetRequirements(wanted, v.id),
  };
}
