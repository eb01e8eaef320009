/** The granularity G of RFC 6298, in nanoseconds. */
const GRANULARITY = 1e6;
const INITIAL = 1e9;
/** Where the SYN had to be repeated, data begins with this (RFC 6298, 5.7). */
const CAREFUL = 3e9;

/** Round-trip time and retransmission timeout (RFC 6298), in nanoseconds. */
export class RoundTrip {
  /** Smoothed; 0 before the first measurement. */
  smoothed = 0;
  variation = 0;
  /** The least ever seen, or Infinity. */
  least = Infinity;
  /** Times that the timeout was doubled. */
  backoff = 0;
  private base = INITIAL;

  constructor(private readonly min: number, private readonly max: number) {}

  /** The timeout as it is now. */
  get timeout(): number {
    return Math.min(this.max, this.base * 2 ** this.backoff);
  }

  /** Takes a measurement; the caller has left out those that could be of either of two transmissions (Karn). */
  sample(time: number): void {
    if (time < this.least) this.least = time;
    if (this.smoothed === 0) {
      this.smoothed = Math.max(time, 1);
      this.variation = time / 2;
    } else {
      this.variation += (Math.abs(this.smoothed - time) - this.variation) / 4;
      this.smoothed += (time - this.smoothed) / 8;
    }
    const timeout = this.smoothed + Math.max(GRANULARITY, 4 * this.variation);
    this.base = Math.min(this.max, Math.max(this.min, timeout));
  }

  /** The timer has gone off (RFC 6298, 5.5). */
  double(): void {
    if (this.base * 2 ** this.backoff < this.max) this.backoff++;
  }
  /** Something new was acknowledged. */
  relax(): void {
    this.backoff = 0;
  }
  /** The SYN was repeated and there is no measurement. */
  synWasLost(): void {
    if (this.smoothed === 0) this.base = CAREFUL;
  }
}
