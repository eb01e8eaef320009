import { F, NetF } from "../../../../spec/virtio/features.ts";
import {
  ETH_HEADER,
  NET_HDR_LEGACY_SIZE,
  NET_HDR_SIZE,
  NetConfig,
  NetHdr,
} from "../../../../spec/virtio/net.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import { gather, lengthOf } from "../support/segments.ts";
import type { NetQueues } from "./queues.ts";

/** Longest frame that is looked at in bytes. */
const LONGEST = 70_000;
/** Sizes that struct virtio_net_hdr has, or had, and none at all. */
const SIZES = [0, NET_HDR_LEGACY_SIZE, NET_HDR_SIZE, 20, 24, 32];

/** A frame on its way to the device, with its header taken apart. */
export interface TxPacket {
  readonly headerSize: number;
  readonly flags: number;
  readonly gsoType: number;
  readonly hdrLen: number;
  readonly gsoSize: number;
  readonly csumStart: number;
  readonly csumOffset: number;
  /** Undefined: the header has no such field. */
  readonly numBuffers: number | undefined;
  readonly frame: Uint8Array;
}

/** Bytes of struct virtio_net_hdr with the negotiated features (virtio 1.4, 5.1.6.3.1). */
export function headerSize(device: DeviceModel): number {
  if (device.has(NetF.OUT_NET_HEADER | NetF.IPSEC)) return 32;
  if (device.has(NetF.HOST_UDP_TUNNEL_GSO | NetF.GUEST_UDP_TUNNEL_GSO)) return 24;
  if (device.has(NetF.HASH_REPORT)) return 20;
  return device.has(F.VERSION_1 | NetF.MRG_RXBUF) ? NET_HDR_SIZE : NET_HDR_LEGACY_SIZE;
}

/** What the rules that look at one chain, one after the other, need to find out only once. */
const PACKETS = new WeakMap<Chain, { readonly packet: TxPacket | undefined }>();
const OTHER_SIZES = new WeakMap<Chain, { readonly size: number | undefined }>();

/** The packet of a chain that was just made available. Undefined where there is not even a header. */
export function txPacket(machine: MachineModel, device: DeviceModel, chain: Chain): TxPacket | undefined {
  let known = PACKETS.get(chain);
  if (known === undefined) PACKETS.set(chain, known = { packet: readPacket(machine, device, chain) });
  return known.packet;
}

function readPacket(machine: MachineModel, device: DeviceModel, chain: Chain): TxPacket | undefined {
  const size = headerSize(device);
  const total = lengthOf(chain, false);
  if (total < size) return undefined;
  const header = gather(machine, chain, false, 0, size);
  const u16 = (at: number) => header[at] | header[at + 1] << 8;
  return {
    headerSize: size,
    flags: header[NetHdr.FLAGS],
    gsoType: header[NetHdr.GSO_TYPE],
    hdrLen: u16(NetHdr.HDR_LEN),
    gsoSize: u16(NetHdr.GSO_SIZE),
    csumStart: u16(NetHdr.CSUM_START),
    csumOffset: u16(NetHdr.CSUM_OFFSET),
    numBuffers: size > NET_HDR_LEGACY_SIZE ? u16(NetHdr.NUM_BUFFERS) : undefined,
    frame: gather(machine, chain, false, size, Math.min(total, size + LONGEST)),
  };
}

/**
 * The header's size that a driver seems to use: where a frame begins whose source is the card's own address. Undefined if
 * it is the right one, or cannot be told.
 */
export function otherHeaderSize(
  machine: MachineModel,
  queues: NetQueues,
  queue: QueueModel,
  chain: Chain,
): number | undefined {
  let known = OTHER_SIZES.get(chain);
  if (known === undefined) {
    OTHER_SIZES.set(chain, known = { size: findOtherSize(machine, queues, queue, chain) });
  }
  return known.size;
}

function findOtherSize(
  machine: MachineModel,
  queues: NetQueues,
  queue: QueueModel,
  chain: Chain,
): number | undefined {
  const mac = queues.config.read(queue.device, NetConfig.MAC, 6);
  if (mac === undefined || mac.every((b) => b === 0)) return undefined;
  const right = headerSize(queue.device);
  const start = gather(machine, chain, false, 0, SIZES.at(-1)! + ETH_HEADER);
  const begins = (size: number) => mac.every((b, i) => start[size + 6 + i] === b);
  return begins(right) ? undefined : SIZES.find(begins);
}
