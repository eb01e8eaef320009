import type { HostListener, HostStream } from "../../../devices/net/user/mod.ts";
import { LOOPBACK } from "../../../inet/addresses.ts";

/** A connection of a host that is the test: what is sent is kept, and it can be slow. */
export class FakeStream implements HostStream {
  state: HostStream["state"];
  readonly remoteAddress: number;
  input: Uint8Array = new Uint8Array(0);
  onEvent: (() => void) | undefined;
  sent: number[] = [];
  ended = false;
  aborted = false;
  /** Bytes that the other end takes before it takes no more. */
  capacity = Infinity;
  private readonly pieces: Uint8Array[] = [];
  private atEnd = false;
  private readonly buffer: Uint8Array;

  constructor(
    state: HostStream["state"] = "open",
    readonly remotePort = 40000,
    remoteAddress = LOOPBACK,
    bufferSize = 1000,
  ) {
    this.state = state;
    this.remoteAddress = remoteAddress;
    this.buffer = new Uint8Array(bufferSize);
  }
  get space(): Uint8Array {
    return this.buffer.subarray(0, Math.min(this.buffer.length, this.capacity - this.sent.length));
  }
  commit(length: number): void {
    for (let i = 0; i < length; i++) this.sent.push(this.buffer[i]);
  }
  take(length: number): void {
    if (length === 0 || length > this.input.length) {
      throw new Error(`take(${length}) of ${this.input.length}`);
    }
    this.input = this.input.subarray(length);
    if (this.input.length > 0) return;
    const next = this.pieces.shift();
    if (next !== undefined) this.input = next;
    else if (this.atEnd) this.state = "ended";
    if (next !== undefined || this.atEnd) this.onEvent?.();
  }
  end(): void {
    this.ended = true;
  }
  abort(): void {
    this.aborted = true;
    this.onEvent = undefined;
  }

  /** What the other end does. */
  arrive(bytes: Uint8Array): void {
    if (this.input.length === 0) this.input = bytes.slice();
    else this.pieces.push(bytes.slice());
    this.onEvent?.();
  }
  finish(): void {
    this.atEnd = true;
    if (this.input.length === 0) this.state = "ended";
    this.onEvent?.();
  }
  change(state: HostStream["state"]): void {
    this.state = state;
    this.onEvent?.();
  }
  drain(bytes: number): void {
    this.capacity += bytes;
    this.onEvent?.();
  }
}

export class FakeListener implements HostListener {
  readonly port = 1;
  onEvent: (() => void) | undefined;
  closed = false;
  readonly waiting: HostStream[] = [];
  accept(): HostStream | undefined {
    return this.waiting.shift();
  }
  close(): void {
    this.closed = true;
  }
  arrive(stream: HostStream): void {
    this.waiting.push(stream);
    this.onEvent?.();
  }
}
