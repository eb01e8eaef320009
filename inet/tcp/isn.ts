/** Rotates left. */
function rotate(x: number, by: number): number {
  return x << by | x >>> (32 - by);
}

/**
 * A keyed hash of a connection's four numbers: HalfSipHash-2-4 (Aumasson and Bernstein) of three words. Nobody who does
 * not know the key can tell it in advance.
 */
export class ConnectionHash {
  declare private readonly k0: number;
  declare private readonly k1: number;

  constructor(random32: () => number) {
    this.k0 = random32() | 0;
    this.k1 = random32() | 0;
  }

  /** 32 bits, signed. */
  of(local: number, localPort: number, remote: number, remotePort: number): number {
    let v0 = this.k0, v1 = this.k1, v2 = 0x6c796765 ^ this.k0, v3 = 0x74656462 ^ this.k1;
    const ports = localPort << 16 | remotePort;
    // Three words, then the length (12 bytes) as the last word's high byte.
    for (let i = 0; i < 4; i++) {
      const m = i === 0 ? local | 0 : i === 1 ? remote | 0 : i === 2 ? ports : 12 << 24;
      v3 ^= m;
      for (let round = 0; round < 2; round++) {
        v0 = (v0 + v1) | 0;
        v1 = rotate(v1, 5) ^ v0;
        v0 = rotate(v0, 16);
        v2 = (v2 + v3) | 0;
        v3 = rotate(v3, 8) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = rotate(v3, 7) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = rotate(v1, 13) ^ v2;
        v2 = rotate(v2, 16);
      }
      v0 ^= m;
    }
    v2 ^= 0xff;
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0;
      v1 = rotate(v1, 5) ^ v0;
      v0 = rotate(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotate(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotate(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotate(v1, 13) ^ v2;
      v2 = rotate(v2, 16);
    }
    return v1 ^ v3;
  }
}

/** Nanoseconds of one step of the clock that initial sequence numbers follow (RFC 9293, 3.4.1). */
const STEP = 4000;

/** An initial sequence number: a clock, plus a secret that differs from one connection to the next (RFC 6528, 3). */
export function initialSequence(
  hash: ConnectionHash,
  local: number,
  localPort: number,
  remote: number,
  remotePort: number,
  now: number,
): number {
  return (Math.floor(now / STEP) % 0x100000000 + hash.of(local, localPort, remote, remotePort)) | 0;
}
