import type { Chardev } from "../chardev.ts";
import type { TraceSink } from "../../spec/trace.ts";

const CHUNK = 65536;
/** What QEMU's `mux=on` takes for itself unless it comes twice. */
const MUX_ESCAPE = 0x01;
/**
 * Bytes at a time into a mux: each takes a receive buffer of its own, and of those that find none QEMU keeps 32 and
 * overwrites the rest (QEMU 7.2, chardev/char-mux.c).
 */
const MUX_PIECE = 8;

/**
 * The host's end of QEMU's `stdio` chardev. QEMU writes to a file, which never fills up as
 * a pipe would while the guest runs, and reads from a FIFO (its `pipe` chardev takes both); the terminal, its modes, its
 * escapes and the end of the input stay with our own back end, so that a session is the same on both platforms.
 */
export class QemuStdio {
  private readonly buffer = new Uint8Array(CHUNK);
  private writing: Promise<void> | undefined;
  private closed = false;

  /**
   * @param output the file that QEMU writes, open for reading.
   * @param input the FIFO that QEMU reads, open for writing.
   */
  constructor(
    readonly id: string,
    private readonly host: Chardev | undefined,
    private readonly mux: boolean,
    private readonly output: Deno.FsFile,
    private readonly input: Deno.FsFile,
    private readonly trace: TraceSink,
  ) {
    // One piece at a time: the next one waits until QEMU's pipe has taken this one.
    host?.attach({
      canReceive: () => this.writing !== undefined || this.closed ? 0 : mux ? MUX_PIECE : CHUNK / 2,
      receive: (bytes) => this.send(bytes),
    });
  }

  /** Passes on what QEMU has written. */
  drain(): boolean {
    let any = false;
    for (;;) {
      const n = this.output.readSync(this.buffer);
      if (n === null || n === 0) return any;
      any = true;
      const bytes = this.buffer.slice(0, n);
      if (this.trace.on) this.trace.emit({ ev: "output", chardev: this.id, hex: bytes.toHex() });
      this.host?.write(bytes);
    }
  }
  /** Hands one piece of input to QEMU; false if there is none. */
  deliver(): boolean {
    return this.host?.deliver?.() ?? false;
  }
  get inputOpen(): boolean {
    return this.writing !== undefined || (this.host?.inputOpen ?? false);
  }
  /** Resolves when the last piece is in QEMU's pipe. */
  async written(): Promise<void> {
    await this.writing;
  }
  /** Resolves when {@link QemuStdio.deliver} is worth another try. */
  async inputReady(): Promise<void> {
    await this.writing;
    await this.host?.inputReady?.();
  }
  /** After QEMU has ended: nothing can be waiting in the FIFO for ever any more. */
  async close(): Promise<void> {
    this.closed = true;
    this.drain();
    await this.writing;
    this.output.close();
    this.input.close();
  }

  private send(bytes: Uint8Array): void {
    if (this.trace.on) this.trace.emit({ ev: "input", chardev: this.id, hex: bytes.toHex() });
    const words = this.mux ? [...bytes].flatMap((b) => b === MUX_ESCAPE ? [b, b] : [b]) : bytes;
    // In another thread: a pipe that is full must not stop the guest, who alone can empty it.
    this.writing = writeAll(this.input, Uint8Array.from(words)).finally(() => this.writing = undefined);
  }
}

async function writeAll(to: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) done += await to.write(bytes.subarray(done));
  } catch {
    // QEMU has ended; whoever speaks to it next is told.
  }
}
