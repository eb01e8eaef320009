import type { IoHandler } from "../bus.ts";

/** QEMU's `-device isa-debug-exit`: a write of v ends the machine with status `(v << 1) | 1`. Reads answer 0. */
export class DebugExit implements IoHandler {
  readonly name = "isa-debug-exit";
  constructor(private readonly exit: (status: number) => void) {}

  read(): number {
    return 0;
  }
  write(_offset: number, _width: number, value: number): void {
    // A process has 8 bits of exit status.
    this.exit(((value << 1) | 1) & 0xff);
  }
  regName(): string {
    return "STATUS";
  }
}
