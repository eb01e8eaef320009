/** Longest that an answer is believed (RFC 8767, 4: values beyond a week are nonsense). Seconds. */
const LONGEST = 7 * 86400;
/** Names that are remembered. */
const MAX_NAMES = 256;

interface Entry {
  readonly addresses: readonly number[];
  readonly until: number;
}

/** Answers until their time is over (RFC 1035, 3.2.1). Times are nanoseconds of machine time. */
export class DnsCache {
  hits = 0;
  private readonly entries = new Map<string, Entry>();

  get size(): number {
    return this.entries.size;
  }

  /** The addresses of a name, none if it is known to have none; undefined if nothing is known. */
  get(name: string, now: number): readonly number[] | undefined {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    if (entry.until <= now) {
      this.entries.delete(name);
      return undefined;
    }
    this.hits++;
    return entry.addresses;
  }

  /** @param ttl seconds. */
  set(name: string, addresses: readonly number[], ttl: number, now: number): void {
    this.entries.delete(name);
    if (ttl <= 0) return;
    if (this.entries.size >= MAX_NAMES) this.entries.delete(this.entries.keys().next().value!);
    this.entries.set(name, { addresses, until: now + 1e9 * Math.min(ttl, LONGEST) });
  }

  clear(): void {
    this.entries.clear();
  }
}
