/** ^A: what follows is for the simulator, as in QEMU's `mux=on`. */
const ESCAPE = 0x01;
const HELP = "\r\nC-a h    this help\r\nC-a x    end the machine\r\nC-a C-a  send C-a\r\n";

/** Takes QEMU's escapes out of what is typed: `C-a x` quits, `C-a h` helps, `C-a C-a` is ^A itself. */
export class MuxEscape {
  private escaped = false;

  constructor(private readonly on: { quit(): void; print(text: string): void }) {}

  /** What of the typed bytes is for the guest. */
  filter(typed: Uint8Array): Uint8Array {
    const out: number[] = [];
    for (const byte of typed) {
      if (!this.escaped) {
        if (byte === ESCAPE) this.escaped = true;
        else out.push(byte);
        continue;
      }
      this.escaped = false;
      if (byte === ESCAPE) out.push(byte);
      else if (byte === 0x78) this.on.quit();
      else if (byte === 0x68 || byte === 0x3f) this.on.print(HELP);
    }
    return Uint8Array.from(out);
  }
}
