/** The host failed, not the simulator: a full disk, say. The message names the file. */
export class HostError extends Error {
  override name = "HostError";
}

/** A file that is written in order, through a buffer, and complete after {@link OutputFile.close}. */
export class OutputFile {
  declare private readonly file: Deno.FsFile;
  declare private readonly buffer: Uint8Array;
  private used = 0;
  private open = true;
  private readonly encoder = new TextEncoder();

  /** @throws {Deno.errors.NotFound} and its like, naming the path, if it cannot be created. */
  constructor(private readonly path: string, append = false) {
    this.file = Deno.openSync(path, { write: true, create: true, truncate: !append, append });
    this.buffer = new Uint8Array(65536);
  }
  writeText(text: string): void {
    this.write(this.encoder.encode(text));
  }
  write(bytes: Uint8Array): void {
    if (this.used + bytes.length > this.buffer.length) this.flush();
    if (bytes.length > this.buffer.length) return this.put(bytes);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }
  flush(): void {
    const used = this.used;
    this.used = 0;
    this.put(this.buffer.subarray(0, used));
  }
  private put(bytes: Uint8Array): void {
    try {
      writeAll(this.file, bytes);
    } catch (error) {
      throw new HostError(`${this.path}: ${(error as Error).message}`);
    }
  }
  close(): void {
    if (!this.open) return;
    this.open = false;
    try {
      this.flush();
    } finally {
      this.file.close();
    }
  }
}

/** Writes all bytes, however few go at once; waits where the other end is full. @throws what the write throws. */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    try {
      done += to.writeSync(bytes.subarray(done));
    } catch (error) {
      const again = error instanceof Deno.errors.WouldBlock;
      if (!again) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
