import type { Chardev, ChardevFrontend } from "../chardev.ts";

/**
 * A chardev between two pieces of memory: input is given by {@link BufferChardev.send}, output is kept. For tests and
 * for a browser's terminal (no Deno API); also what the other back ends are made of.
 */
export class BufferChardev implements Chardev {
  private frontend: ChardevFrontend | undefined;
  private pieces: Uint8Array[] = [];
  private ended = false;
  private ready: Promise<void> | undefined;
  private wakeWaiting: () => void = () => {};
  /** What was written: the first `length` bytes of it. */
  private kept = new Uint8Array(1024);
  private length = 0;

  constructor(readonly id: string) {}

  /** @throws {Error} if a front end is there already; a machine shares a chardev with mux=on itself. */
  attach(frontend: ChardevFrontend): void {
    if (this.frontend !== undefined) throw new Error(`chardev '${this.id}' is in use`);
    this.frontend = frontend;
  }
  write(bytes: Uint8Array): void {
    const end = this.length + bytes.length;
    if (end > this.kept.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.kept);
      this.kept = larger;
    }
    if (bytes.length === 1) this.kept[this.length] = bytes[0];
    else this.kept.set(bytes, this.length);
    this.length = end;
  }
  /** What was written, as text. */
  text(): string {
    return new TextDecoder().decode(this.kept.subarray(0, this.length), { stream: true });
  }

  /** Puts a piece of input behind what waits. */
  send(input: Uint8Array | string): void {
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    if (bytes.length > 0) this.pieces.push(bytes);
    this.wake();
  }
  /** No more input will come. */
  end(): void {
    this.ended = true;
    this.wake();
  }
  /** The terminal's size, in characters. */
  resize(cols: number, rows: number): void {
    this.frontend?.resize?.(cols, rows);
  }

  get inputOpen(): boolean {
    return !this.ended || this.deliverable;
  }
  /** How many pieces wait. */
  get waiting(): number {
    return this.pieces.length;
  }
  deliver(): boolean {
    if (!this.deliverable) return false;
    const piece = this.pieces[0];
    const room = this.frontend!.canReceive();
    if (piece.length <= room) this.pieces.shift();
    else this.pieces[0] = piece.subarray(room);
    this.frontend!.receive(piece.subarray(0, room));
    return true;
  }
  /** The machine keeps what its device cannot take; pieces are delivered when the guest idles. */
  acceptInput(): void {}
  inputReady(): Promise<void> {
    if (this.deliverable) return Promise.resolve();
    // The same one for all: who asks again and again, while others keep it busy, gathers nothing.
    return this.ready ??= new Promise((wake) => this.wakeWaiting = wake);
  }

  private get deliverable(): boolean {
    return this.pieces.length > 0 && this.frontend !== undefined && this.frontend.canReceive() > 0;
  }
  private wake(): void {
    this.wakeWaiting();
    this.ready = undefined;
  }
}
