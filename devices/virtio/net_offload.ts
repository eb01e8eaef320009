import type { FrameOffload } from "../net/backend.ts";
import { headerLength, isPossible } from "../net/offload.ts";
import { NetF } from "../../spec/virtio/features.ts";
import { NET_HDR_SIZE, NetGso, NetHdr, NetHdrF } from "../../spec/virtio/net.ts";
import type { Chain } from "./chain.ts";

/** What a card can offer that has a header before its frames (`x-vnet-hdr=on`), for the guest and by it. */
export const GUEST_OFFLOADS = NetF.GUEST_CSUM | NetF.GUEST_TSO4 | NetF.GUEST_TSO6;
export const HOST_OFFLOADS = NetF.CSUM | NetF.HOST_TSO4 | NetF.HOST_TSO6;
/** What needs such a header; QEMU's `user` and `hubport` do not have one. */
export const ALL_OFFLOADS = GUEST_OFFLOADS | HOST_OFFLOADS | NetF.HOST_ECN | NetF.HOST_UFO | NetF.GUEST_ECN |
  NetF.GUEST_UFO;

/** The headers of a card that does offloads, read and written. One for each card: it has a standing header. */
export class OffloadHeaders {
  declare private readonly bytes: Uint8Array;
  declare private readonly view: DataView;

  constructor() {
    this.bytes = new Uint8Array(NET_HDR_SIZE);
    this.view = new DataView(this.bytes.buffer);
  }

  /**
   * What a frame of the driver leaves undone. Undefined: nothing, NEEDS_CSUM is not set and all else means nothing then
   * (virtio 1.4, 5.1.6.2.2). Null: what it says cannot be, and the frame is lost.
   */
  read(chain: Chain, frame: Uint8Array): FrameOffload | undefined | null {
    const { view } = this;
    chain.readInto(this.bytes);
    const gsoType = view.getUint8(NetHdr.GSO_TYPE) & ~NetGso.ECN;
    if ((view.getUint8(NetHdr.FLAGS) & NetHdrF.NEEDS_CSUM) === 0) {
      return gsoType === NetGso.NONE ? undefined : null;
    }
    const offload = {
      csumStart: view.getUint16(NetHdr.CSUM_START, true),
      csumOffset: view.getUint16(NetHdr.CSUM_OFFSET, true),
      gsoType,
      gsoSize: view.getUint16(NetHdr.GSO_SIZE, true),
    };
    return isPossible(frame, offload) ? offload : null;
  }

  /** The header that tells the driver what a frame leaves undone; valid until the next. */
  write(frame: Uint8Array, offload: FrameOffload): Uint8Array {
    const { view } = this;
    view.setUint8(NetHdr.FLAGS, NetHdrF.NEEDS_CSUM);
    view.setUint8(NetHdr.GSO_TYPE, offload.gsoType);
    view.setUint16(NetHdr.HDR_LEN, headerLength(frame, offload), true);
    view.setUint16(NetHdr.GSO_SIZE, offload.gsoSize, true);
    view.setUint16(NetHdr.CSUM_START, offload.csumStart, true);
    view.setUint16(NetHdr.CSUM_OFFSET, offload.csumOffset, true);
    return this.bytes;
  }
}

/** Whether a driver that switched on `offloads` copes with such a frame. */
export function canTake(offload: FrameOffload, offloads: bigint): boolean {
  if ((offloads & NetF.GUEST_CSUM) === 0n) return false;
  const needed = {
    [NetGso.NONE]: 0n,
    [NetGso.TCPV4]: NetF.GUEST_TSO4,
    [NetGso.TCPV6]: NetF.GUEST_TSO6,
  }[offload.gsoType];
  return needed !== undefined && (offloads & needed) === needed;
}
