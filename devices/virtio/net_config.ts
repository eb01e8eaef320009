import { NetF } from "../../spec/virtio/features.ts";
import { NetConfig } from "../../spec/virtio/net.ts";

const UNKNOWN_SPEED = 0xffff_ffff, UNKNOWN_DUPLEX = 0xff;
/** Bytes of the configuration by the feature that shows the last field of them. */
const LENGTHS: readonly [feature: bigint, length: number][] = [
  [NetF.SPEED_DUPLEX, NetConfig.DUPLEX + 1],
  [NetF.MTU, NetConfig.MTU + 2],
  [NetF.MQ, NetConfig.MAX_VIRTQUEUE_PAIRS + 2],
  [NetF.STATUS, NetConfig.STATUS + 2],
];

/** What stands in the configuration but the address and the state of the link. */
export interface NetConfigFields {
  readonly maxPairs: number;
  readonly mtu: number;
  /** Undefined: unknown. */
  readonly speed: number | undefined;
  readonly duplex: number | undefined;
}

/** Bytes of the configuration that a device with these features has, as QEMU: what lies behind reads as ones. */
export function netConfigLength(features: bigint): number {
  return LENGTHS.find(([feature]) => (features & feature) !== 0n)?.[1] ?? NetConfig.STATUS;
}

/** Writes the configuration (virtio 1.4, 5.1.4), as far as `config` is long. */
export function writeNetConfig(
  config: Uint8Array,
  mac: Uint8Array,
  status: number,
  fields: NetConfigFields,
): void {
  const view = new DataView(new ArrayBuffer(NetConfig.SIZE));
  for (const [i, byte] of mac.entries()) view.setUint8(NetConfig.MAC + i, byte);
  view.setUint16(NetConfig.STATUS, status, true);
  view.setUint16(NetConfig.MAX_VIRTQUEUE_PAIRS, fields.maxPairs, true);
  view.setUint16(NetConfig.MTU, fields.mtu, true);
  view.setUint32(NetConfig.SPEED, fields.speed ?? UNKNOWN_SPEED, true);
  view.setUint8(NetConfig.DUPLEX, fields.duplex ?? UNKNOWN_DUPLEX);
  config.set(new Uint8Array(view.buffer, 0, config.length));
}
