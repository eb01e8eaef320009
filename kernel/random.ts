/** The kernel's own random numbers: ChaCha20's key stream (RFC 8439, 2.3), so that what was seen does not tell what comes. */

const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
const KEY_BYTES = 32, WORDS = 16, DOUBLE_ROUNDS = 10;

/** Random numbers from a seed: the same seed gives the same numbers. */
export class KernelRandom {
  private readonly state = new Uint32Array(WORDS);
  private readonly block = new Uint32Array(WORDS);
  private used = WORDS;

  /** @param seed 32 bytes are the key; of any other number of bytes a key is made, as good as they are. */
  constructor(seed: Uint8Array) {
    const key = seed.length === KEY_BYTES ? seed : stretch(seed);
    this.state.set(CONSTANTS);
    for (let i = 0; i < KEY_BYTES; i += 4) {
      this.state[4 + i / 4] = key[i] | key[i + 1] << 8 | key[i + 2] << 16 | key[i + 3] << 24;
    }
  }

  /** 32 random bits. */
  readonly u32 = (): number => {
    if (this.used === WORDS) this.refill();
    return this.block[this.used++];
  };

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.u32() / 2 ** 32 * limit);
  }

  private refill(): void {
    const { state, block } = this;
    block.set(state);
    for (let i = 0; i < DOUBLE_ROUNDS; i++) {
      for (let c = 0; c < 4; c++) quarterRound(block, c, 4 + c, 8 + c, 12 + c);
      for (let c = 0; c < 4; c++) quarterRound(block, c, 4 + (c + 1) % 4, 8 + (c + 2) % 4, 12 + (c + 3) % 4);
    }
    for (let i = 0; i < WORDS; i++) block[i] += state[i];
    // The counter has 64 bits here: 2^70 bytes.
    if (++state[12] === 0) state[13]++;
    this.used = 0;
  }
}

function quarterRound(w: Uint32Array, a: number, b: number, c: number, d: number): void {
  w[a] += w[b];
  w[d] = rotate(w[d] ^ w[a], 16);
  w[c] += w[d];
  w[b] = rotate(w[b] ^ w[c], 12);
  w[a] += w[b];
  w[d] = rotate(w[d] ^ w[a], 8);
  w[c] += w[d];
  w[b] = rotate(w[b] ^ w[c], 7);
}

function rotate(x: number, n: number): number {
  return x << n | x >>> 32 - n;
}

/** Spreads few bytes over a key: FNV-1a again and again, each time finished as murmur does. */
function stretch(seed: Uint8Array): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  let hash = 0x811c9dc5;
  for (let i = 0; i < KEY_BYTES; i++) {
    for (const byte of seed) hash = Math.imul(hash ^ byte, 0x01000193);
    hash = Math.imul(hash ^ hash >>> 16 ^ i, 0x85ebca6b);
    hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
    key[i] = hash ^ hash >>> 16;
  }
  return key;
}
