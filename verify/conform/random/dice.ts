import { Random } from "../../../devices/events.ts";

/** Seeded choices. One seed, one sequence. */
export class Dice {
  private readonly random: Random;

  /** A sequence of its own for each list of words and numbers. */
  constructor(...key: (string | number)[]) {
    let hash = 0x811c_9dc5;
    for (const c of key.join("/")) hash = Math.imul(hash ^ c.charCodeAt(0), 0x0100_0193) >>> 0;
    this.random = new Random(hash);
  }
  /** An integer from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + this.random.u32() % (high - low + 1);
  }
  /** True with this probability. */
  chance(p: number): boolean {
    return this.random.u32() < p * 0x1_0000_0000;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.random.u32() % from.length];
  }
  /** One of the second members; the first ones are weights. */
  weighted<T>(from: readonly (readonly [number, T])[]): T {
    let at = this.random.u32() % from.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of from) {
      at -= weight;
      if (at < 0) return value;
    }
    return from[0][1];
  }
  u32(): number {
    return this.random.u32();
  }
}
