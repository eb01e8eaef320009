import { flowHash } from "../../spec/virtio/flow.ts";

const FLOWS = 1024;
const UNKNOWN = -1;

/**
 * Which pair gets a frame, where the driver uses several (virtio 1.4, 5.1.6.5.5): that on which the driver sent frames of
 * the same flow last, or else one by the flow's number.
 */
export class Steering {
  declare private readonly pairs: Int16Array;

  constructor() {
    this.pairs = new Int16Array(FLOWS).fill(UNKNOWN);
  }
  reset(): void {
    this.pairs.fill(UNKNOWN);
  }
  /** The driver sent a frame on a pair. */
  sent(frame: Uint8Array, pair: number): void {
    this.pairs[flowHash(frame) % FLOWS] = pair;
  }
  /** The pair for a received frame, of `count` in use. */
  pairOf(frame: Uint8Array, count: number): number {
    const flow = flowHash(frame) % FLOWS;
    const pair = this.pairs[flow];
    return pair !== UNKNOWN && pair < count ? pair : flow % count;
  }
}
