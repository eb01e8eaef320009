import { BufferChardev } from "./buffer_chardev.ts";
import { HostError, writeAll } from "./file.ts";
import { MuxEscape } from "./mux.ts";

const EOT = 0x04, NEWLINE = 0x0a;
const BUFFER = 4096;

/** How standard input and output are used. */
export interface StdioOptions {
  /** `C-a x` and its like are taken out of what is typed. */
  readonly mux: boolean;
  /** On a terminal, ^C ends the simulator; otherwise it goes to the guest. */
  readonly signal: boolean;
  /** The user wants to leave: `C-a x`, or a signal (with 128 + its number). The terminal is as it was. */
  quit(status: number): void;
}

/**
 * Standard input and output. On a terminal: raw mode until {@link StdioChardev.close}, input as it is typed. Otherwise
 * input comes in lines, and its end is a ^D, so that one input gives one run however it arrives. Output is whole, in
 * order, and written at each line's end, when the guest idles, and at the end.
 */
export class StdioChardev extends BufferChardev {
  declare private readonly options: StdioOptions;
  private readonly terminal = Deno.stdin.isTerminal();
  private readonly output = new Uint8Array(BUFFER);
  private used = 0;
  private broken = false;
  private closed = false;
  private reading = false;
  private readonly signals: [Deno.Signal, () => void][] = [];

  constructor(id: string, options: StdioOptions) {
    super(id);
    this.options = options;
    if (this.terminal) this.takeTerminal();
  }

  override write(bytes: Uint8Array): void {
    if (this.used + bytes.length > BUFFER) this.flush();
    if (bytes.length > BUFFER) return this.put(bytes);
    this.output.set(bytes, this.used);
    this.used += bytes.length;
    if (bytes.includes(NEWLINE)) this.flush();
  }
  /** Writes out what waits. A reader that went away is no error: the rest is dropped. */
  flush(): void {
    const used = this.used;
    this.used = 0;
    if (used > 0) this.put(this.output.subarray(0, used));
  }
  /** Input is read only once the guest waits for it: a machine that never does leaves standard input alone. */
  override inputReady(): Promise<void> {
    this.flush();
    if (!this.reading && !this.closed) {
      this.reading = true;
      this.readLoop();
    }
    return super.inputReady();
  }
  /** Gives the terminal back and writes what waits. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.flush();
    for (const [signal, handler] of this.signals) Deno.removeSignalListener(signal, handler);
    if (this.terminal) Deno.stdin.setRaw(false);
    this.end();
  }

  private put(bytes: Uint8Array): void {
    if (this.broken) return;
    try {
      writeAll(Deno.stdout, bytes);
    } catch (error) {
      this.broken = true; // also for what is still written while the machine is taken down
      if (!(error instanceof Deno.errors.BrokenPipe)) {
        throw new HostError(`standard output: ${(error as Error).message}`);
      }
    }
  }

  private takeTerminal(): void {
    Deno.stdin.setRaw(true, { cbreak: this.options.signal });
    const on = (signal: Deno.Signal, handler: () => void) => {
      this.signals.push([signal, handler]);
      Deno.addSignalListener(signal, handler);
    };
    for (const [signal, number] of [["SIGINT", 2], ["SIGQUIT", 3], ["SIGTERM", 15], ["SIGHUP", 1]] as const) {
      on(signal, () => this.leave(128 + number));
    }
    on("SIGWINCH", () => this.reportSize());
  }
  private leave(status: number): void {
    this.close();
    this.options.quit(status);
  }
  private reportSize(): void {
    if (!Deno.stdout.isTerminal()) return;
    const { columns, rows } = Deno.consoleSize();
    this.resize(columns, rows);
  }

  private async readLoop(): Promise<void> {
    this.reportSize();
    const escape = new MuxEscape({
      quit: () => {
        this.flush();
        this.put(new TextEncoder().encode("\r\nPagurus: terminated\r\n"));
        this.leave(0);
      },
      print: (text) => writeAll(Deno.stdout, new TextEncoder().encode(text)),
    });
    const buffer = new Uint8Array(BUFFER);
    let line: number[] = [];
    while (!this.closed) {
      // Input that cannot be read (a folder, a terminal that went away) is input that ended.
      const n = await Deno.stdin.read(buffer).catch(() => null);
      if (n === null) break;
      const typed = this.options.mux ? escape.filter(buffer.subarray(0, n)) : buffer.subarray(0, n);
      if (this.terminal) {
        this.send(typed.slice());
        continue;
      }
      for (const byte of typed) {
        line.push(byte);
        if (byte !== NEWLINE && line.length < BUFFER) continue;
        this.send(Uint8Array.from(line));
        line = [];
      }
    }
    // A last line without its end is a line all the same: a ^D in it would be lost, and the guest would wait forever.
    if (line.length > 0) this.send(Uint8Array.from([...line, NEWLINE]));
    this.send(Uint8Array.of(EOT));
    this.end();
  }
}
