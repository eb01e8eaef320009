/** Bytes of QEMU's output that are kept for error messages. */
const KEPT = 4096;

/**
 * What QEMU prints to standard error: its complaints, and its log where `-trace` asked for one. It goes to a file, which
 * never fills up as a pipe would while we wait for an answer.
 */
export class QemuOutput {
  private readonly file: Deno.FsFile;
  private readonly chunk = new Uint8Array(65536);
  private last = "";
  private fresh: Uint8Array[] = [];

  constructor(path: string) {
    Deno.writeTextFileSync(path, "");
    this.file = Deno.openSync(path, { read: true });
  }
  /** The newest of it, at most 4 KiB. */
  recent(): string {
    for (;;) {
      const n = this.file.readSync(this.chunk);
      if (n === null || n === 0) return this.last;
      const bytes = this.chunk.slice(0, n);
      this.fresh.push(bytes);
      this.last = (this.last + new TextDecoder().decode(bytes)).slice(-KEPT);
    }
  }
  /** What came since the last call. */
  take(): Uint8Array[] {
    this.recent();
    const fresh = this.fresh;
    this.fresh = [];
    return fresh;
  }
  /** `what`, with the last lines that QEMU printed. */
  describe(what: string): string {
    const lines = this.recent().trim().split("\n").filter((l) => l !== "").slice(-5);
    return lines.length === 0 ? what : `${what}; it printed: ${lines.join(" | ")}`;
  }
  close(): void {
    this.file.close();
  }
}
