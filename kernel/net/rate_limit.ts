/** A bucket of tokens: `burst` at once, and one more each `interval` nanoseconds. */
export class RateLimit {
  private tokens: number;
  private since = 0;

  constructor(private readonly burst: number, private readonly interval: number) {
    this.tokens = burst;
  }

  /** Takes a token; false if there is none. */
  take(now: number): boolean {
    const more = Math.floor((now - this.since) / this.interval);
    if (more > 0) {
      this.tokens = Math.min(this.burst, this.tokens + more);
      this.since += more * this.interval;
    }
    if (this.tokens === 0) return false;
    this.tokens--;
    return true;
  }
}
