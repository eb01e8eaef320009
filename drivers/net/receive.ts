import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import { NET_HDR_SIZE, NetHdr, NetHdrF } from "../../spec/virtio/net.ts";
import type { Log } from "../context.ts";
import {
  type AvailBufferToken,
  BufferType,
  type UsedBufferToken,
  type Virtq,
} from "../virtio/virtqueue/mod.ts";
import type { ReceivedFrame } from "./mod.ts";
import { NetQueue } from "./queue.ts";

/** Longest frame: an IP packet of 64 KiB behind an Ethernet header with two tags. */
const MAX_FRAME = 65535 + 14 + 8;
const CSUM_FIELD = 2;

/** How frames arrive, as negotiated. */
export interface ReceiveOptions {
  /** A frame may take several buffers (MRG_RXBUF). */
  readonly mergeable: boolean;
  /** Flags of the header mean something (GUEST_CSUM). */
  readonly checksums: boolean;
  /** Bytes of a buffer, and how many there are at most. */
  readonly bufferSize: number;
  readonly buffers: number;
}

/** The frame that was received last. Its bytes are a copy, so that the buffer is with the device again. */
class Received implements ReceivedFrame {
  bytes: Uint8Array;
  checksumValid = false;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A receive queue (virtio 1.4, 5.1.6.3, 5.1.6.4): buffers that stand with the device, and frames put together from them. */
export class ReceiveQueue extends NetQueue {
  /** Frames that were dropped because the device broke a rule, or they were longer than any may be. */
  dropped = 0;
  declare private readonly data: Uint8Array;
  declare private readonly frame: Received;

  constructor(
    vq: Virtq,
    alloc: DeviceAlloc,
    private readonly options: ReceiveOptions,
    owner: string,
    log: Log,
  ) {
    super(vq, owner, log);
    const { mergeable, bufferSize, buffers } = options;
    this.data = new Uint8Array(mergeable ? MAX_FRAME : bufferSize - NET_HDR_SIZE);
    this.frame = new Received(this.data.subarray(0, 0));
    this.allocate(alloc, "receive", Math.min(buffers, vq.size), bufferSize);
  }

  /** Gives all free buffers to the device. Not before DRIVER_OK. */
  fill(): void {
    while (this.free.length > 0) {
      this.vq.dispatch(this.free[this.free.length - 1], false, BufferType.Direct);
      this.free.pop();
    }
  }

  /**
   * The next frame, valid until the next call; undefined if there is none. Frames that the device spoils are dropped.
   *
   * @throws {VirtqError} QueueBroken when the device has broken too many rules.
   */
  next(): ReceivedFrame | undefined {
    // A device may return bad frames for ever: no more than a round of them in one call.
    for (let i = 0; i <= this.vq.size; i++) {
      const used = this.take();
      if (used === undefined) return undefined;
      if (used !== null && this.accept(used)) return this.frame;
      this.dropped++;
    }
    return undefined;
  }

  protected override takeBack(token: AvailBufferToken): void {
    this.vq.dispatch(token, false, BufferType.Direct);
  }

  /** Reads a frame that begins in `used`. */
  private accept(used: UsedBufferToken): boolean {
    const { token, writtenLen } = used;
    const { memory, offset } = token.recvBuff[0].vec.buffer;
    if (writtenLen < NET_HDR_SIZE) {
      this.takeBack(token);
      this.broke(`a frame of ${writtenLen} bytes, its header has ${NET_HDR_SIZE}`);
      return false;
    }
    const flags = this.options.checksums ? memory.readU8(offset + NetHdr.FLAGS) : 0;
    const checksumAt = (flags & NetHdrF.NEEDS_CSUM) === 0
      ? 0
      : memory.readU16(offset + NetHdr.CSUM_START) + memory.readU16(offset + NetHdr.CSUM_OFFSET) + CSUM_FIELD;
    // Without MRG_RXBUF the field means nothing: QEMU 7.2 does not write it.
    const buffers = this.options.mergeable ? memory.readU16(offset + NetHdr.NUM_BUFFERS) : 1;
    const length = writtenLen - NET_HDR_SIZE;
    if (buffers === 1) {
      this.setLength(length);
      memory.readBytes(offset + NET_HDR_SIZE, this.frame.bytes);
      this.takeBack(token);
    } else if (!this.merge(token, length, buffers)) return false;
    if (checksumAt > this.frame.bytes.length) {
      this.broke(`a checksum at byte ${checksumAt - CSUM_FIELD} of a frame of ${this.frame.bytes.length}`);
      return false;
    }
    this.frame.checksumValid = (flags & (NetHdrF.NEEDS_CSUM | NetHdrF.DATA_VALID)) !== 0;
    return true;
  }

  /** Puts together a frame of several buffers, which became used at once (virtio 1.4, 5.1.6.4.1). */
  private merge(first: AvailBufferToken, length: number, buffers: number): boolean {
    if (buffers === 0 || buffers > this.vq.size) {
      this.takeBack(first);
      this.broke(`a frame in ${buffers} buffers, in a queue of ${this.vq.size}`);
      return false;
    }
    let done = this.append(first, NET_HDR_SIZE, length, 0);
    for (let i = 1; i < buffers; i++) {
      const used = this.take();
      if (used === undefined) {
        this.broke(`${i} buffers of a frame that has ${buffers}`);
        return false;
      }
      done = used === null ? -1 : this.append(used.token, 0, used.writtenLen, done);
    }
    if (done < 0) return false;
    this.setLength(done);
    return true;
  }
  /** Copies what is in a buffer to byte `at`, and gives the buffer back. Where the next byte goes; -1: the frame is spoiled. */
  private append(token: AvailBufferToken, from: number, length: number, at: number): number {
    const fits = at >= 0 && at + length <= this.data.length;
    if (fits && length > 0) {
      const { memory, offset } = token.recvBuff[0].vec.buffer;
      memory.readBytes(offset + from, this.data.subarray(at, at + length));
    }
    this.takeBack(token);
    return fits ? at + length : -1;
  }
  private setLength(length: number): void {
    if (this.frame.bytes.length !== length) this.frame.bytes = this.data.subarray(0, length);
  }
}
