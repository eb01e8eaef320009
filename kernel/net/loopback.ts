import type { NetDevice, ReceivedFrame } from "../../drivers/net/mod.ts";
import { ETHERNET_HEADER } from "../../inet/ethernet.ts";
import { IPV4_MAX } from "../../inet/ipv4.ts";

/** Bytes of frames that are under way at most; more than two of the largest, so that one is written while one is read. */
const CAPACITY = 512 * 1024;

/** The loopback interface: what is sent arrives, in order, and nothing is lost. A full one refuses, as any card does. */
export class LoopbackDevice implements NetDevice {
  readonly name = "loopback";
  readonly mac = new Uint8Array(6);
  readonly mtu = IPV4_MAX;
  /** Nothing can damage a frame here: a checksum is neither made nor looked at. */
  readonly fillsChecksums = true;
  broken: Error | undefined = undefined;
  onReceive: (() => void) | undefined = undefined;
  onWritable: (() => void) | undefined = undefined;
  onLinkChange: (() => void) | undefined = undefined;
  /** A ring; made when it is first used. */
  private ring: Uint8Array<ArrayBuffer> | undefined;
  private readonly lengths: number[] = [];
  private head = 0;
  private tail = 0;
  private held = 0;
  /** The frame that was received last is being read: its bytes are not free yet. */
  private reading = 0;
  private refused = false;

  linkUp(): boolean {
    return this.broken === undefined;
  }

  transmit(frame: Uint8Array): boolean {
    if (this.broken !== undefined) throw this.broken;
    if (frame.length > ETHERNET_HEADER + IPV4_MAX) {
      throw new RangeError(`loopback: a frame of ${frame.length} bytes`);
    }
    const at = this.room(frame.length);
    if (at < 0) {
      this.refused = true;
      return false;
    }
    this.ring ??= new Uint8Array(CAPACITY);
    this.ring.set(frame, at);
    this.lengths.push(at, frame.length);
    this.head = at + frame.length;
    this.held += frame.length;
    this.onReceive?.();
    return true;
  }

  receive(): ReceivedFrame | undefined {
    this.release();
    if (this.lengths.length === 0) return undefined;
    const at = this.lengths.shift()!, length = this.lengths.shift()!;
    this.reading = length;
    this.tail = at;
    return { bytes: this.ring!.subarray(at, at + length), checksumValid: true };
  }

  shutdown(): void {
    this.broken ??= new Error("loopback: was shut down");
    this.lengths.length = 0;
    this.ring = undefined;
  }

  /** Where a frame of this length fits in one piece; -1: nowhere. */
  private room(length: number): number {
    if (this.held === 0) return this.tail = 0;
    if (this.head > this.tail) {
      if (this.head + length <= CAPACITY) return this.head;
      return length < this.tail ? 0 : -1;
    }
    return this.head + length < this.tail ? this.head : -1;
  }

  private release(): void {
    if (this.reading === 0) return;
    this.held -= this.reading;
    this.reading = 0;
    if (this.lengths.length > 0) this.tail = this.lengths[0];
    if (!this.refused) return;
    this.refused = false;
    this.onWritable?.();
  }
}
