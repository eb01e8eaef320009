import type { Libc } from "./libc.ts";
import { QemuError } from "./error.ts";

/** The two ends of QEMU's qtest chardev: what is sent to it, what it answers. */
export interface QtestPipe {
  readonly to: Deno.FsFile;
  readonly from: Deno.FsFile;
}

/** How long a command may take, in milliseconds, before QEMU counts as hung. */
export const PATIENCE = 10_000;

const BUFFER = 65536;
const NEWLINE = 0x0a;

/**
 * QEMU's qtest protocol (docs/devel/qtest, softmmu/qtest.c): a line out, a line back, `IRQ raise N` and `IRQ lower N`
 * in between whenever a line changes. Synchronous: an access is a round trip.
 *
 * All the world stands still while an answer is awaited. With libc there is a limit to that; without, QEMU's own limit
 * of CPU time is the only one, and a QEMU that sleeps for ever is waited for.
 */
export class Qtest {
  /** Told of each `IRQ` line, as it is read. */
  onIrq: (line: number, level: boolean) => void = () => {};
  /** Why there are no more answers. */
  gone: QemuError | undefined;
  private readonly buffer = new Uint8Array(BUFFER);
  private readonly line = new Uint8Array(BUFFER);
  private lineLength = 0;
  private start = 0;
  private end = 0;
  private reading: Promise<void> | undefined;
  private poked = false;
  private readonly command = new Uint8Array(BUFFER);
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  /**
   * @param pollFd descriptor of `pipe.from` for waiting with a limit, if there is `libc`.
   * @param describe what QEMU printed before it went away.
   */
  constructor(
    private readonly pipe: QtestPipe,
    private readonly libc: Libc | undefined,
    private readonly pollFd: number,
    private readonly describe: (what: string) => string,
    private readonly patience: number = PATIENCE,
  ) {}

  /**
   * Sends one command and returns what follows `OK`, without the space.
   *
   * @throws {QemuError} Died, Hung, or Protocol if the answer is `FAIL` or `ERR`.
   */
  send(command: string): string {
    if (this.gone !== undefined) throw this.gone;
    if (this.reading !== undefined) {
      throw new Error("qtest: a command while the answer stream is being awaited");
    }
    this.write(command);
    for (;;) {
      const line = this.nextLine(command);
      if (line.startsWith("OK")) return line.slice(3);
      if (!this.event(line)) throw new QemuError("Protocol", `QEMU answered '${line}' to '${command}'`);
    }
  }
  /** A number as qtest prints it: `0x0000000000000012`. */
  sendForNumber(command: string): number {
    return Number(this.send(command));
  }
  /** A command without effect: when it is answered, QEMU's main loop has gone round once. */
  barrier(): void {
    this.send("endianness");
  }

  /** Resolves at the next `IRQ` line or when QEMU is gone. Nothing may be sent before {@link Qtest.stopWaiting}. */
  waitForEvent(): Promise<void> {
    this.reading ??= this.readAsync();
    return this.reading;
  }
  /** Ends {@link Qtest.waitForEvent}: from then on commands can be sent again. */
  async stopWaiting(): Promise<void> {
    const reading = this.reading;
    if (reading === undefined) return;
    // The read that is under way in another thread is brought back by an answer.
    if (this.gone === undefined) this.poke();
    await reading;
    this.reading = undefined;
    this.poked = false;
    while (this.gone === undefined) {
      const line = this.nextLine("endianness");
      if (line.startsWith("OK")) return;
      this.event(line);
    }
  }

  /** Asks for an answer that {@link Qtest.stopWaiting} takes. */
  poke(): void {
    if (!this.poked) this.write("endianness");
    this.poked = true;
  }

  private async readAsync(): Promise<void> {
    if (this.start < this.end || this.gone !== undefined) return;
    const n = await this.pipe.from.read(this.buffer).catch(() => null);
    this.start = 0;
    this.end = n ?? 0;
    if (n === null || n === 0) this.lose("Died", "QEMU ended");
  }

  private write(command: string): void {
    const { written } = this.encoder.encodeInto(command, this.command);
    this.command[written] = NEWLINE;
    try {
      let done = 0;
      while (done <= written) done += this.pipe.to.writeSync(this.command.subarray(done, written + 1));
    } catch {
      throw this.lose("Died", `QEMU ended before '${command}'`);
    }
  }

  private nextLine(command: string): string {
    for (;;) {
      const newline = this.buffer.subarray(this.start, this.end).indexOf(NEWLINE);
      if (newline >= 0) {
        const piece = this.buffer.subarray(this.start, this.start + newline);
        this.start += newline + 1;
        if (this.lineLength === 0) return this.decoder.decode(piece);
        this.keep(piece);
        const line = this.decoder.decode(this.line.subarray(0, this.lineLength));
        this.lineLength = 0;
        return line;
      }
      this.keep(this.buffer.subarray(this.start, this.end));
      this.start = this.end = 0;
      if (this.libc !== undefined && !this.libc.readable(this.pollFd, this.patience)) {
        throw this.lose("Hung", `QEMU did not answer '${command}' within ${this.patience / 1000} s`);
      }
      const n = this.pipe.from.readSync(this.buffer);
      if (n === null || n === 0) throw this.lose("Died", `QEMU ended during '${command}'`);
      this.end = n;
    }
  }
  private keep(piece: Uint8Array): void {
    if (this.lineLength + piece.length > BUFFER) {
      throw this.lose("Protocol", "QEMU sent a line without an end");
    }
    this.line.set(piece, this.lineLength);
    this.lineLength += piece.length;
  }

  private event(line: string): boolean {
    const irq = /^IRQ (raise|lower) (\d+)$/.exec(line);
    if (irq === null) return false;
    this.onIrq(Number(irq[2]), irq[1] === "raise");
    return true;
  }
  private lose(kind: "Died" | "Hung" | "Protocol", what: string): QemuError {
    this.gone ??= new QemuError(kind, this.describe(what));
    return this.gone;
  }
}
