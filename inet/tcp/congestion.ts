/** Segments that slow start may add an acknowledgment (RFC 3465, 2.3: L). */
const PER_ACK = 2;
const HUGE = 0x3fffffff;

/** The congestion window in bytes: slow start and congestion avoidance (RFC 5681), counted by bytes (RFC 3465). */
export class Congestion {
  window = 0;
  threshold = HUGE;
  mss = 0;
  /** Bytes acknowledged towards the next growth in congestion avoidance. */
  private acked = 0;
  // Proportional rate reduction (RFC 6937), while in recovery.
  private delivered = 0;
  private sent = 0;
  private flight = 0;

  /** The connection is open; `lost`: the SYN was (RFC 5681, 3.1). */
  open(mss: number, lost: boolean): void {
    this.mss = mss;
    this.window = lost ? mss : this.initial;
  }
  /** RFC 6928, 2. */
  get initial(): number {
    return Math.min(10 * this.mss, Math.max(2 * this.mss, 14600));
  }

  /** `bytes` were acknowledged, and the window was what held the sender up. */
  grow(bytes: number): void {
    if (this.window < this.threshold) {
      this.window += Math.min(bytes, PER_ACK * this.mss);
    } else {
      this.acked += bytes;
      if (this.acked >= this.window) {
        this.acked -= this.window;
        this.window += this.mss;
      }
    }
    if (this.window > HUGE) this.window = HUGE;
  }

  /** Loss was seen, `flight` bytes were outstanding: half as fast. */
  enter(flight: number): void {
    this.threshold = Math.max(flight >> 1, 2 * this.mss);
    this.flight = Math.max(flight, 1);
    this.delivered = 0;
    this.sent = 0;
    this.acked = 0;
  }
  /** During recovery: `delivered` bytes were, and `pipe` are thought to be on their way (RFC 6937, 3). */
  reduce(delivered: number, pipe: number): void {
    this.delivered += delivered;
    let more: number;
    if (pipe > this.threshold) {
      more = Math.ceil(this.delivered * this.threshold / this.flight) - this.sent;
    } else {
      const limit = Math.max(this.delivered - this.sent, delivered) + this.mss;
      more = Math.min(this.threshold - pipe, limit);
    }
    this.window = pipe + Math.max(more, this.sent === 0 ? this.mss : 0);
  }
  /** Bytes have left during recovery. */
  out(bytes: number): void {
    this.sent += bytes;
  }
  /** All that was outstanding when the loss was seen has arrived. */
  leave(): void {
    this.window = this.threshold;
  }

  /** The retransmission timer has gone off; `again`: not for the first time for what is missing (RFC 5681, 3.1). */
  collapse(flight: number, again: boolean): void {
    if (!again) this.threshold = Math.max(flight >> 1, 2 * this.mss);
    this.window = this.mss;
    this.acked = 0;
  }
  /** Nothing was sent for a timeout: what the window says is out of date (RFC 5681, 4.1). */
  restart(): void {
    this.window = Math.min(this.window, this.initial);
  }
  /** Segments became smaller: the window stays in bytes. */
  resize(mss: number): void {
    this.mss = mss;
    this.window = Math.max(this.window, mss);
  }
}
