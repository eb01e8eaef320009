import { VirtioId } from "./ids.ts";

/**
 * Feature bits as sets over 128 bits (virtio 1.4, 2.2). A set is a bigint: feature negotiation is no hot path.
 * Reserved (device independent) bits: virtio 1.4, 6.
 */
export const F = {
  /** Legacy: the driver may be notified when the ring is empty. */
  NOTIFY_ON_EMPTY: 1n << 24n,
  /** Legacy: the device accepts any descriptor layout. */
  ANY_LAYOUT: 1n << 27n,
  /** A descriptor may point to a table of descriptors. */
  INDIRECT_DESC: 1n << 28n,
  /** Notifications and interrupts are wanted at an index, not by a flag. */
  EVENT_IDX: 1n << 29n,
  /** The device follows virtio 1.0 or later. */
  VERSION_1: 1n << 32n,
  /** The device's accesses are restricted or translated by the platform. */
  ACCESS_PLATFORM: 1n << 33n,
  /** The packed ring is used. */
  RING_PACKED: 1n << 34n,
  /** Buffers are used in the order in which they were made available. */
  IN_ORDER: 1n << 35n,
  /** Memory accesses are ordered as the platform orders them for devices: barriers must reach devices. */
  ORDER_PLATFORM: 1n << 36n,
  /** Single root I/O virtualization. */
  SR_IOV: 1n << 37n,
  /** A notification carries the position in the ring. */
  NOTIFICATION_DATA: 1n << 38n,
  /** The device says what a notification for a queue shall carry. */
  NOTIF_CONFIG_DATA: 1n << 39n,
  /** One queue may be reset alone. */
  RING_RESET: 1n << 40n,
  /** The device has an administration queue. */
  ADMIN_VQ: 1n << 41n,
  /** The device can be suspended. */
  SUSPEND: 1n << 43n,
} as const;

/** Console feature bits (virtio 1.4, 5.3.3). */
export const ConsoleF = {
  /** cols and rows of the configuration space are valid. */
  SIZE: 1n << 0n,
  /** Several ports, control queues. */
  MULTIPORT: 1n << 1n,
  /** Characters may be written through the configuration space. */
  EMERG_WRITE: 1n << 2n,
} as const;

/** Network feature bits (virtio 1.4, 5.1.3). */
export const NetF = {
  CSUM: 1n << 0n,
  GUEST_CSUM: 1n << 1n,
  CTRL_GUEST_OFFLOADS: 1n << 2n,
  MTU: 1n << 3n,
  MAC: 1n << 5n,
  GSO: 1n << 6n,
  GUEST_TSO4: 1n << 7n,
  GUEST_TSO6: 1n << 8n,
  GUEST_ECN: 1n << 9n,
  GUEST_UFO: 1n << 10n,
  HOST_TSO4: 1n << 11n,
  HOST_TSO6: 1n << 12n,
  HOST_ECN: 1n << 13n,
  HOST_UFO: 1n << 14n,
  MRG_RXBUF: 1n << 15n,
  STATUS: 1n << 16n,
  CTRL_VQ: 1n << 17n,
  CTRL_RX: 1n << 18n,
  CTRL_VLAN: 1n << 19n,
  CTRL_RX_EXTRA: 1n << 20n,
  GUEST_ANNOUNCE: 1n << 21n,
  MQ: 1n << 22n,
  CTRL_MAC_ADDR: 1n << 23n,
  DEVICE_STATS: 1n << 50n,
  HASH_TUNNEL: 1n << 51n,
  VQ_NOTF_COAL: 1n << 52n,
  NOTF_COAL: 1n << 53n,
  GUEST_USO4: 1n << 54n,
  GUEST_USO6: 1n << 55n,
  HOST_USO: 1n << 56n,
  HASH_REPORT: 1n << 57n,
  GUEST_HDRLEN: 1n << 59n,
  RSS: 1n << 60n,
  RSC_EXT: 1n << 61n,
  STANDBY: 1n << 62n,
  SPEED_DUPLEX: 1n << 63n,
  RSS_CONTEXT: 1n << 64n,
  GUEST_UDP_TUNNEL_GSO: 1n << 65n,
  GUEST_UDP_TUNNEL_GSO_CSUM: 1n << 66n,
  HOST_UDP_TUNNEL_GSO: 1n << 67n,
  HOST_UDP_TUNNEL_GSO_CSUM: 1n << 68n,
  OUT_NET_HEADER: 1n << 69n,
  IPSEC: 1n << 70n,
} as const;

const DEVICE_NAMES: Record<number, Record<string, bigint>> = {
  [VirtioId.Net]: NetF,
  [VirtioId.Console]: ConsoleF,
};

/** A feature, and what it needs: one of these. */
type Requirement = readonly [feature: bigint, needs: readonly bigint[]];

/** Which feature needs which (virtio 1.4, 6). */
const REQUIRES: readonly Requirement[] = [
  [F.RING_PACKED, [F.VERSION_1]],
];
/** The same of a device, by its id: the device chapters' "Feature bit requirements". */
const DEVICE_REQUIRES: Readonly<Record<number, readonly Requirement[]>> = {
  // virtio 1.4, 5.1.3.1; of CTRL_RX_EXTRA 5.1.4.2 says so.
  [VirtioId.Net]: [
    ...[NetF.GUEST_TSO4, NetF.GUEST_TSO6, NetF.GUEST_UFO, NetF.GUEST_USO4, NetF.GUEST_USO6].map(
      (f): Requirement => [f, [NetF.GUEST_CSUM]],
    ),
    ...[NetF.HOST_TSO4, NetF.HOST_TSO6, NetF.HOST_UFO, NetF.HOST_USO].map((
      f,
    ): Requirement => [f, [NetF.CSUM]]),
    ...[NetF.GUEST_TSO4, NetF.GUEST_TSO6, NetF.GUEST_USO4, NetF.GUEST_USO6].map(
      (f): Requirement => [NetF.GUEST_UDP_TUNNEL_GSO, [f]],
    ),
    ...[NetF.HOST_TSO4, NetF.HOST_TSO6, NetF.HOST_USO].map(
      (f): Requirement => [NetF.HOST_UDP_TUNNEL_GSO, [f]],
    ),
    [NetF.GUEST_UDP_TUNNEL_GSO_CSUM, [NetF.GUEST_UDP_TUNNEL_GSO]],
    [NetF.HOST_UDP_TUNNEL_GSO_CSUM, [NetF.HOST_UDP_TUNNEL_GSO]],
    [NetF.HASH_TUNNEL, [NetF.RSS, NetF.HASH_REPORT]],
    [NetF.RSS_CONTEXT, [NetF.RSS]],
    [NetF.GUEST_ECN, [NetF.GUEST_TSO4, NetF.GUEST_TSO6]],
    [NetF.HOST_ECN, [NetF.HOST_TSO4, NetF.HOST_TSO6]],
    [NetF.RSC_EXT, [NetF.HOST_TSO4, NetF.HOST_TSO6]],
    ...[
      NetF.CTRL_RX,
      NetF.CTRL_RX_EXTRA,
      NetF.CTRL_VLAN,
      NetF.GUEST_ANNOUNCE,
      NetF.MQ,
      NetF.CTRL_MAC_ADDR,
      NetF.NOTF_COAL,
      NetF.VQ_NOTF_COAL,
      NetF.HASH_TUNNEL,
      NetF.RSS,
      NetF.RSS_CONTEXT,
    ].map((f): Requirement => [f, [NetF.CTRL_VQ]]),
  ],
};

/** The 32-bit word `i` (0 is the least significant) of a feature set. */
export function featureWord(features: bigint, i: number): number {
  return Number((features >> BigInt(32 * i)) & 0xffff_ffffn);
}

/** A feature set from its 32-bit words, least significant first. */
export function featuresFromWords(words: readonly number[]): bigint {
  return words.reduce((set, word, i) => set | (BigInt(word >>> 0) << BigInt(32 * i)), 0n);
}

/**
 * The names of the bits in a set, lowest bit first; a bit without a name is `bit N`.
 *
 * ```ts
 * import { F, featureNames } from "./features.ts";
 * console.assert(featureNames(F.VERSION_1 | F.EVENT_IDX, 4).join() === "EVENT_IDX,VERSION_1");
 * ```
 */
export function featureNames(features: bigint, deviceId: number): string[] {
  const names = new Map<bigint, string>();
  for (const [name, bit] of Object.entries(F)) names.set(bit, name);
  for (const [name, bit] of Object.entries(DEVICE_NAMES[deviceId] ?? {})) names.set(bit, name);
  const result: string[] = [];
  for (let i = 0n; i < 128n; i++) {
    const bit = 1n << i;
    if (features & bit) result.push(names.get(bit) ?? `bit ${i}`);
  }
  return result;
}

/**
 * Features of the set whose prerequisite is missing, by name; empty for a consistent set.
 *
 * ```ts
 * import { NetF, unmetRequirements } from "./features.ts";
 * console.assert(unmetRequirements(NetF.MQ, 1).join() === "MQ needs CTRL_VQ");
 * ```
 */
export function unmetRequirements(features: bigint, deviceId: number): string[] {
  const name = (f: bigint) => featureNames(f, deviceId)[0];
  return [...REQUIRES, ...DEVICE_REQUIRES[deviceId] ?? []]
    .filter(([f, needs]) => (features & f) !== 0n && needs.every((n) => (features & n) === 0n))
    .map(([f, needs]) => `${name(f)} needs ${needs.map(name).join(" or ")}`);
}
