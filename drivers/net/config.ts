import {
  DEFAULT_MTU,
  ETH_HEADER,
  NET_HDR_SIZE,
  NetConfig,
  NetStatus,
  RX_BUFFER,
  RX_BUFFER_BIG,
  VLAN_TAG,
} from "../../spec/virtio/net.ts";
import { NetF } from "../../spec/virtio/features.ts";
import type { DriverContext } from "../context.ts";
import { VirtioError } from "../virtio/error.ts";
import type { DevCfgSpace, UniCapsColl } from "../virtio/transport/mod.ts";

/** Receive buffers that may be merged (MRG_RXBUF): a page, which is what memory is given out in. */
const PAGE = 4096;
/** Receive buffers of one queue: as many, but no more memory than this unless the device needs it. */
const RECEIVE_MEMORY = 4 << 20;
const MOST_BUFFERS = 256, FEWEST_BUFFERS = 16;
/** Smallest MTU that a device may name (virtio 1.4, 5.1.4.1). */
const MIN_MTU = 68;
/** Hermit's variables: bytes of a receive buffer that may be merged, and the MTU. */
const MRG_RXBUF_SIZE = "HERMIT_MRG_RXBUF_SIZE", MTU = "HERMIT_MTU";

/** What a card and its driver agreed on. */
export interface NetSetting {
  readonly mac: Uint8Array;
  /** The address is the device's own; otherwise it must be told. */
  readonly macGiven: boolean;
  /** Largest IP packet in bytes. */
  readonly mtu: number;
  /** Pairs of queues that there are. */
  readonly maxPairs: number;
  /** Bytes of a receive buffer with its header, and how many of them. */
  readonly bufferSize: number;
  readonly buffers: number;
  /** Longest frame to send. */
  readonly frameSize: number;
}

/**
 * Reads the configuration that the negotiated features speak of.
 *
 * @throws {VirtioError} NoDevCfg if there is none; FailFeatureNeg for an MTU or number of pairs that may not be.
 */
export function readSetting(caps: UniCapsColl, features: bigint, ctx: DriverContext): NetSetting {
  const name = caps.comCfg.deviceName;
  const has = (feature: bigint) => (features & feature) !== 0n;
  const needed = [
    [NetF.MAC, NetConfig.STATUS],
    [NetF.STATUS, NetConfig.STATUS + 2],
    [NetF.MQ, NetConfig.MAX_VIRTQUEUE_PAIRS + 2],
    [NetF.MTU, NetConfig.MTU + 2],
  ] as const;
  const length = Math.max(0, ...needed.map(([feature, end]) => has(feature) ? end : 0));
  const cfg = caps.devCfg;
  if (length > 0 && (cfg === undefined || cfg.length < length)) {
    throw new VirtioError("NoDevCfg", `${name}: its configuration has less than ${length} bytes`);
  }
  const macGiven = has(NetF.MAC);
  const mac = macGiven ? cfg!.consistent(readMac) : ownMac(caps.location.name);
  const mtu = has(NetF.MTU) ? cfg!.readU16(NetConfig.MTU) : fromEnv(ctx, MTU, MIN_MTU, 65535) ?? DEFAULT_MTU;
  if (mtu < MIN_MTU) throw new VirtioError("FailFeatureNeg", `${name}: an MTU of ${mtu}, below ${MIN_MTU}`);
  const maxPairs = has(NetF.MQ) ? cfg!.readU16(NetConfig.MAX_VIRTQUEUE_PAIRS) : 1;
  if (maxPairs < 1 || maxPairs > 0x8000) {
    throw new VirtioError("FailFeatureNeg", `${name}: ${maxPairs} pairs of queues, expected 1 to 32768`);
  }
  const frameSize = mtu + ETH_HEADER + VLAN_TAG;
  const bufferSize = receiveBufferSize(features, frameSize, ctx);
  const buffers = Math.min(MOST_BUFFERS, Math.max(FEWEST_BUFFERS, Math.floor(RECEIVE_MEMORY / bufferSize)));
  return { mac, macGiven, mtu, maxPairs, bufferSize, buffers, frameSize };
}

/** The status field as it is now. Without STATUS the link counts as up (virtio 1.4, 5.1.4.2). */
export function readStatus(caps: UniCapsColl, features: bigint): number {
  return (features & NetF.STATUS) !== 0n ? caps.devCfg!.readU16(NetConfig.STATUS) : NetStatus.LINK_UP;
}

/** Bytes of a receive buffer (virtio 1.4, 5.1.6.3.1), with its header. */
function receiveBufferSize(features: bigint, frameSize: number, ctx: DriverContext): number {
  if ((features & NetF.MRG_RXBUF) !== 0n) {
    const payload = fromEnv(ctx, MRG_RXBUF_SIZE, 1, 65535);
    return payload === undefined ? PAGE : NET_HDR_SIZE + payload;
  }
  const big = (features & (NetF.GUEST_TSO4 | NetF.GUEST_TSO6 | NetF.GUEST_UFO)) !== 0n;
  return Math.max(NET_HDR_SIZE + frameSize, big ? RX_BUFFER_BIG : RX_BUFFER);
}

/** A number from the kernel's environment. */
function fromEnv(ctx: DriverContext, name: string, least: number, most: number): number | undefined {
  const text = ctx.env?.(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (value >= least && value <= most) return value;
  ctx.log.warn(`${name}=${text}: not a number from ${least} to ${most}`);
  return undefined;
}

function readMac(cfg: DevCfgSpace): Uint8Array {
  return Uint8Array.from({ length: 6 }, (_, i) => cfg.readU8(NetConfig.MAC + i));
}

/** A locally administered address (virtio 1.4, 5.1.4.2), the same each time for a device in the same place. */
function ownMac(place: string): Uint8Array {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < place.length; i++) hash = Math.imul(hash ^ place.charCodeAt(i), 0x0100_0193);
  return Uint8Array.of(0x02, 0x00, hash >>> 24, hash >>> 16, hash >>> 8, hash);
}
