import { NetHdr } from "../../spec/virtio/net.ts";
import type { Chain } from "./chain.ts";
import type { DeviceQueue } from "./queue.ts";

/** What receiving needs of its device. */
export interface ReceiveHost {
  /** Bytes of the header: 12, or 10 without VERSION_1 and MRG_RXBUF. */
  readonly headerLength: number;
  /** A frame may take several buffers. */
  readonly mergeable: boolean;
  ring(index: number): DeviceQueue | undefined;
  pop(index: number): Chain | undefined;
  needsReset(why: string): void;
}

const BUFFER_RULE = "virtio 1.4, 5.1.6.3: a receive buffer is writable and holds at least the header";
/** Most buffers of one frame (QEMU's VIRTQUEUE_MAX_SIZE). */
const MAX_BUFFERS = 1024;

/** Puts frames into a driver's buffers, as QEMU's `virtio_net_receive`. One for each device: it has standing lists. */
export class FrameWriter {
  /** Buffers of the frame at hand, and how many bytes are in each. */
  declare private readonly held: Chain[];
  declare private readonly lengths: number[];
  declare private readonly count: Uint8Array;

  constructor(private readonly host: ReceiveHost) {
    this.held = [];
    this.lengths = [];
    this.count = new Uint8Array(2);
  }

  /**
   * Stores a frame in the next buffer of a queue, or the next few, which the driver sees all at once (virtio 1.4,
   * 5.1.6.4.1).
   *
   * @param header 12 bytes that precede it; num_buffers is filled in here.
   * @returns false if the frame is lost: it did not fit into one buffer and may not take more, or the driver's buffers
   * are not what they must be.
   */
  store(index: number, frame: Uint8Array, header: Uint8Array): boolean {
    const { headerLength, mergeable } = this.host;
    const first = this.host.pop(index);
    if (first === undefined) return false;
    const ring = this.host.ring(index)!;
    if (first.writableLength < headerLength) return this.refuse(ring, first);
    const done = first.writeFrom(frame, headerLength);
    const whole = done === frame.length;
    header[NetHdr.NUM_BUFFERS] = 1;
    header[NetHdr.NUM_BUFFERS + 1] = 0;
    // As QEMU, which without MRG_RXBUF writes no num_buffers (virtio 1.4, 5.1.6.4.1 wants a 1 there).
    first.writeFrom(mergeable && whole ? header : header.subarray(0, NetHdr.NUM_BUFFERS), 0);
    if (whole) {
      ring.push(first, headerLength + done);
      return true;
    }
    if (mergeable) return this.merge(index, ring, first, frame, done);
    ring.unpop(first);
    return false;
  }

  private merge(index: number, ring: DeviceQueue, first: Chain, frame: Uint8Array, done: number): boolean {
    const { held, lengths, host } = this;
    held.push(first);
    lengths.push(host.headerLength + done);
    let whole = false;
    while (!whole) {
      if (held.length === MAX_BUFFERS) {
        host.needsReset(`${ring.name}: virtio-net unexpected long buffer chain`);
        break;
      }
      const chain = host.pop(index);
      if (chain === undefined) {
        host.needsReset(
          `${ring.name}: virtio-net unexpected empty queue: no buffer for byte ${done} of a frame`,
        );
        break;
      }
      if (chain.inNum === 0) {
        this.refuse(ring, chain);
        break;
      }
      const n = chain.writeFrom(frame.subarray(done), 0);
      held.push(chain);
      lengths.push(n);
      done += n;
      whole = done === frame.length;
    }
    if (whole) {
      this.count[0] = held.length;
      this.count[1] = held.length >> 8;
      first.writeFrom(this.count, NetHdr.NUM_BUFFERS);
      for (let i = 0; i < held.length; i++) ring.fill(held[i], lengths[i]);
      ring.flush();
    } else for (const chain of held) ring.discard(chain);
    held.length = lengths.length = 0;
    return whole;
  }

  /** A buffer that takes no header. QEMU has words for one that is not writable, and an assertion for one that is short. */
  private refuse(ring: DeviceQueue, chain: Chain): boolean {
    const { inNum, writableLength } = chain;
    ring.discard(chain);
    const found = inNum === 0
      ? "virtio-net receive queue contains no in buffers"
      : `a receive buffer of ${writableLength} bytes`;
    this.host.needsReset(`${ring.name}: ${found} (${BUFFER_RULE})`);
    return false;
  }
}
