import type { Task } from "../../executor.ts";
import type { TcpSocket } from "../../net/mod.ts";

const FIRST_SIZE = 2048, LARGEST_SIZE = 65536;
const LF = 10, CR = 13;

/** A connection that is read through a buffer, as large as it has to be. */
export class ByteStream {
  private buffer = new Uint8Array(0);
  private start = 0;
  private end = 0;
  /** The size of the next buffer: larger where much comes at once. */
  private size = FIRST_SIZE;

  constructor(readonly socket: TcpSocket) {}

  /** Bytes that have arrived and were not taken. */
  get buffered(): number {
    return this.end - this.start;
  }

  /** Waits for more bytes; false at the end. @throws {SocketError} */
  *fill(): Task<boolean> {
    if (this.end === this.buffer.length) this.makeRoom();
    const n = yield* this.socket.recv(this.buffer.subarray(this.end));
    this.end += n;
    this.size = this.end === this.buffer.length ? Math.min(4 * this.size, LARGEST_SIZE) : FIRST_SIZE;
    return n > 0;
  }

  /**
   * Looks for an empty line, and takes everything up to it.
   *
   * @param from where to look: what the last look returned, or 0.
   * @returns the bytes with the empty line, valid until the next call; or where to look next time.
   */
  takeHead(from: number): Uint8Array | number {
    const { buffer, start, end } = this;
    for (let i = start + from; i < end; i++) {
      if (buffer[i] !== LF) continue;
      const next = buffer[i + 1] === CR ? i + 2 : i + 1;
      // The rest of the line break may be still to come.
      if (next >= end) return i - start;
      if (buffer[next] === LF) return this.take(next + 1 - start);
    }
    return end - start;
  }

  /** Takes line breaks that stand before anything else (RFC 9112, 2.2). */
  skipEmptyLines(): void {
    while (this.start < this.end && (this.buffer[this.start] === LF || this.buffer[this.start] === CR)) {
      this.start++;
    }
    this.drained();
  }

  /** Takes at most `count` of the bytes that are there; valid until the next call. */
  take(count: number): Uint8Array {
    const from = this.start;
    this.start = Math.min(this.end, from + count);
    const taken = this.buffer.subarray(from, this.start);
    this.drained();
    return taken;
  }

  /** Takes a line without its end, waiting for it; undefined if it is longer than `limit`, or never ends. */
  *takeLine(limit: number): Task<string | undefined> {
    for (let looked = 0;;) {
      const { buffer, start, end } = this;
      const found = buffer.indexOf(LF, start + looked);
      if (found >= 0 && found < end) {
        const line = this.take(found + 1 - start);
        const length = line[line.length - 2] === CR ? line.length - 2 : line.length - 1;
        return String.fromCharCode(...line.subarray(0, length));
      }
      looked = end - start;
      if (looked > limit || !(yield* this.fill())) return undefined;
    }
  }

  private makeRoom(): void {
    const { buffer, start, end } = this;
    const used = end - start;
    // Moving is cheaper than growing while less than half is in use.
    const fits = used > 0 && used <= buffer.length / 2;
    const size = Math.max(this.size, 2 * used);
    const target = fits ? buffer : new Uint8Array(size);
    if (fits) buffer.copyWithin(0, start, end);
    else target.set(buffer.subarray(start, end));
    this.buffer = target;
    this.start = 0;
    this.end = used;
  }
  /** A large buffer is kept only while much comes. */
  private drained(): void {
    if (this.start < this.end) return;
    this.start = this.end = 0;
    if (this.buffer.length > this.size) this.buffer = new Uint8Array(0);
  }
}
