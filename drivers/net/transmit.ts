import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import { NET_HDR_SIZE, NetHdr, NetHdrF } from "../../spec/virtio/net.ts";
import type { Log } from "../context.ts";
import { type AvailBufferToken, BufferType, type Virtq } from "../virtio/virtqueue/mod.ts";
import type { PartialChecksum } from "./mod.ts";
import { NetQueue } from "./queue.ts";

/**
 * A transmit queue (virtio 1.4, 5.1.6.2). Buffers are made as they are needed, up to one for each descriptor, and used
 * again. Interrupts are off; they are asked for when all buffers are with the device.
 */
export class TransmitQueue extends NetQueue {
  /** A frame was refused: whoever sends wants to hear of room. */
  private waiting = false;

  /** @param frameSize bytes of the longest frame. @param buffers most of them. */
  constructor(
    vq: Virtq,
    private readonly alloc: DeviceAlloc,
    private readonly frameSize: number,
    private readonly buffers: number,
    owner: string,
    log: Log,
  ) {
    super(vq, owner, log);
    vq.disableNotifs();
  }

  /**
   * Sends a copy of a frame. False if the device has all buffers: {@link reclaimed} follows with an interrupt.
   *
   * @throws {VirtqError} if the queue is broken.
   */
  send(frame: Uint8Array, checksum: PartialChecksum | undefined): boolean {
    const { free } = this;
    if (free.length === 0 && !this.makeRoom()) return false;
    const token = free[free.length - 1];
    const { vec } = token.sendBuff[0];
    const { memory, offset } = vec.buffer;
    if (checksum !== undefined) {
      memory.writeU8(offset + NetHdr.FLAGS, NetHdrF.NEEDS_CSUM);
      memory.writeU16(offset + NetHdr.CSUM_START, checksum.start);
      memory.writeU16(offset + NetHdr.CSUM_OFFSET, checksum.offset);
    } else if (memory.readU8(offset + NetHdr.FLAGS) !== 0) memory.fill(offset, NET_HDR_SIZE, 0);
    memory.writeBytes(offset + NET_HDR_SIZE, frame);
    vec.len = NET_HDR_SIZE + frame.length;
    this.vq.dispatch(token, false, BufferType.Direct);
    free.pop();
    return true;
  }

  /** The device has used buffers. True if a frame was refused and there is room now. */
  reclaimed(): boolean {
    if (!this.waiting) return false;
    this.reclaim();
    // A frame that was sent in the meantime may have taken back what this interrupt is about.
    if (this.free.length === 0) return false;
    this.waiting = false;
    this.vq.disableNotifs();
    return true;
  }

  /** Takes back what the device is done with. Whether that was anything. */
  reclaim(): boolean {
    const before = this.free.length;
    for (let used = this.take(); used !== undefined; used = this.take()) {
      if (used !== null) this.free.push(used.token);
    }
    return this.free.length > before;
  }

  protected override takeBack(token: AvailBufferToken): void {
    this.free.push(token);
  }

  private makeRoom(): boolean {
    if (this.reclaim()) return true;
    if (this.made < Math.min(this.buffers, this.vq.size)) {
      this.allocate(this.alloc, "send", 1, NET_HDR_SIZE + this.frameSize);
      return true;
    }
    this.waiting = true;
    // If there is something already, no interrupt would come for it.
    return this.vq.enableNotifs() && this.reclaimed();
  }
}
