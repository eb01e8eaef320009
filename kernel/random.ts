/** The kernel's own random numbers: xoshiro128** (Blackman and Vigna, 2018), from a seed that is given. */
export class KernelRandom {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param seed any number of bytes: all of them count. The same bytes give the same numbers. */
  constructor(seed: Uint8Array) {
    let hash = 0x811c9dc5;
    const next = () => {
      // FNV-1a, with what was mixed before as its start; the last steps are murmur's finaliser.
      for (const byte of seed) hash = Math.imul(hash ^ byte, 0x01000193);
      hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
      hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
      return (hash = (hash ^ hash >>> 16) + 0x9e3779b9 | 0) >>> 0;
    };
    [this.a, this.b, this.c, this.d] = [next(), next(), next(), next() | 1];
  }

  /** 32 random bits. */
  readonly u32 = (): number => {
    const product = Math.imul(this.b, 5);
    const result = Math.imul(product << 7 | product >>> 25, 9);
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = this.d << 11 | this.d >>> 21;
    return result >>> 0;
  };

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.u32() / 2 ** 32 * limit);
  }
}
