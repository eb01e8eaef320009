/** Bodies of any size that can be told from each other byte by byte, for tests of what carries them. */
import { type Task, yieldNow } from "../../executor.ts";
import { KernelRandom } from "../../random.ts";
import { Sha256 } from "./sha256.ts";

/** Bytes of a chunk: its own number, then noise that is always the same. So none can be lost, doubled or moved unseen. */
const CHUNK = 65536, NUMBER = 4;
/** MiB. */
const LARGEST = 4096;
const PIECES_PER_TURN = 32;

/** What stands behind `/big/N`: N MiB. */
export class BigFile {
  private noise: Uint8Array | undefined;
  private readonly digests = new Map<number, string>();

  /** The size in bytes that `N` asks for; undefined if it asks for none. */
  static sizeOf(text: string): number | undefined {
    const size = Number(text);
    return /^\d{1,4}$/.test(text) && size <= LARGEST ? size * 2 ** 20 : undefined;
  }

  /** The bytes in pieces, which stay as they are until the task that takes them has ended. */
  *read(size: number, piece: (bytes: Uint8Array) => Task<unknown>): Task<void> {
    const noise = this.noise ??= makeNoise(), number = new Uint8Array(NUMBER);
    for (let n = 0; n < size / CHUNK; n++) {
      number.set([n >>> 24, n >>> 16, n >>> 8, n]);
      yield* piece(number);
      yield* piece(noise);
    }
  }

  /** The SHA-256 of so many bytes, in hexadecimal. Others get their turn meanwhile. */
  *sha256(size: number): Task<string> {
    const known = this.digests.get(size);
    if (known !== undefined) return known;
    const hash = new Sha256();
    let pieces = 0;
    yield* this.read(size, function* (bytes) {
      hash.update(bytes);
      if (++pieces % PIECES_PER_TURN === 0) yield* yieldNow();
    });
    const digest = hash.hex();
    this.digests.set(size, digest);
    return digest;
  }
}

function makeNoise(): Uint8Array {
  const random = new KernelRandom(new TextEncoder().encode("big"));
  const noise = new Uint8Array(CHUNK - NUMBER), view = new DataView(noise.buffer);
  for (let i = 0; i < noise.length; i += 4) view.setUint32(i, random.u32());
  return noise;
}
