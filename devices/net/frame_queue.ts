/** Room of a slot at first; frames that are longer make their slot grow. */
const SLOT = 1536;

/**
 * Frames that wait, in order, in standing buffers: a frame costs a copy and no allocation once its slot exists. Bounded:
 * whoever fills it up has to wait or to drop.
 */
export class FrameQueue {
  declare private readonly slots: Uint8Array[];
  declare private readonly lengths: number[];
  private first = 0;
  private count = 0;

  /** @param capacity most frames that wait. */
  constructor(readonly capacity: number) {
    this.slots = [];
    this.lengths = [];
  }

  get length(): number {
    return this.count;
  }
  get full(): boolean {
    return this.count === this.capacity;
  }

  /** Copies a frame behind the others. False if there is no room. */
  push(frame: Uint8Array): boolean {
    if (this.count === this.capacity) return false;
    let at = this.first + this.count;
    if (at >= this.capacity) at -= this.capacity;
    let slot = this.slots[at];
    if (slot === undefined || slot.length < frame.length) {
      slot = this.slots[at] = new Uint8Array(Math.max(SLOT, frame.length));
    }
    slot.set(frame);
    this.lengths[at] = frame.length;
    this.count++;
    return true;
  }

  /** The oldest frame, valid until it is removed. */
  peek(): Uint8Array | undefined {
    if (this.count === 0) return undefined;
    return this.slots[this.first].subarray(0, this.lengths[this.first]);
  }

  /** Removes the oldest frame. */
  shift(): void {
    if (this.count === 0) return;
    this.count--;
    this.first = this.first + 1 === this.capacity ? 0 : this.first + 1;
  }

  clear(): void {
    this.count = 0;
    this.first = 0;
  }
}
