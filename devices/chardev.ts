/**
 * A character device: the host's end of a serial line or console (QEMU's `-chardev`). Front ends (UART, virtconsole)
 * attach; a back end (standard input and output, a buffer in a test, a browser terminal) feeds it.
 */
export interface ChardevFrontend {
  /** How many bytes can be taken now. */
  canReceive(): number;
  receive(bytes: Uint8Array): void;
  /** The terminal's size changed, in characters. */
  resize?(cols: number, rows: number): void;
}

export interface Chardev {
  readonly id: string;
  /** The guest wrote. */
  write(bytes: Uint8Array): void;
  attach(frontend: ChardevFrontend): void;
  /** The front end can take more again: deliver what waits. */
  acceptInput(): void;
}
