import type { Platform } from "../arch/platform.ts";
import { type Future, PENDING, type Task, wait, type Waker } from "./executor.ts";

/** What stands behind the console: COM1 early, the virtio console later (Hermit's `IoDevice`). */
export interface ConsoleDevice {
  readonly name: string;
  readReady(): boolean;
  /** Reads what is there, at most `target.length` bytes; 0 when nothing is. */
  read(target: Uint8Array): number;
  /** Takes what fits; returns how many bytes. */
  write(bytes: Uint8Array): number;
  /** Returns when all that was written has left, or gives up. */
  flush(): void | boolean;
  onInput: (() => void) | undefined;
}

/** End of transmission: what a terminal sends for ^D. */
export const EOT = 0x04;
const BACKSPACE = 0x08, DELETE = 0x7f, ETX = 0x03, NAK = 0x15, ESC = 0x1b;
/** How long a write waits for a device that takes nothing, in nanoseconds of machine time. */
const WRITE_PATIENCE = 1e9;

/** The kernel's console: text out, bytes and edited lines in, over whichever device is in use. */
export class Console {
  private readonly encoder = new TextEncoder();
  private readonly buffer = new Uint8Array(4096);
  private pending: number[] = [];
  private waker: Waker | undefined;
  /** Bytes that a device did not take within {@link WRITE_PATIENCE}. */
  dropped = 0;

  /** @param first the early console, which takes over again if a later one breaks. */
  constructor(private readonly platform: Platform, private readonly first: ConsoleDevice) {
    this.device = first;
    this.switchTo(first);
  }
  /** The device in use. */
  device: ConsoleDevice;

  /** Makes `device` the console from now on (Hermit's `switch_to_virtio`). */
  switchTo(device: ConsoleDevice): void {
    this.device.onInput = undefined;
    this.device = device;
    device.onInput = () => this.waker?.wake();
  }

  /** Writes text; `\n` becomes `\r\n` only where the terminal needs it, which is the host's business. */
  write(text: string): void {
    this.writeBytes(this.encoder.encode(text));
  }
  private writeBytes(all: Uint8Array): void {
    let bytes = all;
    const giveUp = this.platform.now() + WRITE_PATIENCE;
    while (bytes.length > 0) {
      const taken = this.tryWrite(bytes);
      bytes = bytes.subarray(taken);
      if (taken > 0) continue;
      if (this.platform.now() > giveUp) {
        this.dropped += bytes.length;
        return;
      }
      this.platform.relax();
    }
  }

  flush(): void {
    this.device.flush();
  }
  /** Back to the early console: the other device is about to be shut down. */
  fallBack(): void {
    if (this.device !== this.first) this.switchTo(this.first);
  }

  /** Takes the next input byte, or -1. */
  tryReadByte(): number {
    if (this.pending.length === 0) {
      const n = this.tryRead();
      for (let i = 0; i < n; i++) this.pending.push(this.buffer[i]);
    }
    return this.pending.shift() ?? -1;
  }

  /** Waits for the next input byte. */
  readByte(): Task<number> {
    return wait(this.byteFuture());
  }

  /**
   * Reads a line with echo: backspace, ^U (erase), ^C (abandon), escape sequences skipped.
   * `undefined` at ^D on an empty line: end of input.
   */
  *readLine(): Task<string | undefined> {
    const line: number[] = [];
    while (true) {
      const byte = yield* this.readByte();
      if (byte === 0x0d || byte === 0x0a) {
        this.write("\n");
        return new TextDecoder().decode(new Uint8Array(line));
      }
      if (byte === EOT) {
        if (line.length > 0) continue;
        this.write("\n");
        return undefined;
      }
      if (byte === ETX) {
        this.write("^C\n");
        return "";
      }
      if (byte === ESC) yield* this.skipEscape();
      else if (byte === BACKSPACE || byte === DELETE) this.erase(line, 1);
      else if (byte === NAK) this.erase(line, line.length);
      else if (byte >= 0x20) {
        line.push(byte);
        this.writeRaw(byte);
      }
    }
  }

  private erase(line: number[], count: number): void {
    for (let i = 0; i < count && line.length > 0; i++) {
      while (line.length > 0 && (line[line.length - 1] & 0xc0) === 0x80) line.pop();
      line.pop();
      this.write("\b \b");
    }
  }
  /** A virtio console that breaks (its driver throws) must not take the log with it: COM1 goes on. */
  private tryWrite(bytes: Uint8Array): number {
    try {
      return this.device.write(bytes);
    } catch (error) {
      if (this.device === this.first) throw error;
      this.switchTo(this.first);
      return this.first.write(bytes);
    }
  }
  private tryRead(): number {
    try {
      return this.device.read(this.buffer);
    } catch (error) {
      if (this.device === this.first) throw error;
      this.switchTo(this.first);
      return this.first.read(this.buffer);
    }
  }
  private *skipEscape(): Task<void> {
    if ((yield* this.readByte()) !== 0x5b) return;
    while (true) {
      const byte = yield* this.readByte();
      if (byte >= 0x40 && byte <= 0x7e) return;
    }
  }
  private writeRaw(byte: number): void {
    this.writeBytes(Uint8Array.of(byte));
  }
  private byteFuture(): Future<number> {
    return {
      waitingFor: `input on ${this.device.name}`,
      poll: (waker) => {
        const byte = this.tryReadByte();
        if (byte >= 0) return byte;
        this.waker = waker.clone();
        return PENDING;
      },
    };
  }
}
