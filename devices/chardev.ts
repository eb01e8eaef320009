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
  /** The guest wrote. The array is the caller's: what is kept of it must be copied. */
  write(bytes: Uint8Array): void;
  attach(frontend: ChardevFrontend): void;
  /** The front end can take more again: deliver the rest of the piece that waits. */
  acceptInput(): void;
  /**
   * Whether input can still reach a front end: more may be read, or a piece waits that can be taken. Absent: never any.
   * Input enters the machine in pieces (a line, what was typed at once) and only through {@link deliver}, which the
   * machine calls when the guest idles: so the same input gives the same run, however the host chops it up.
   */
  readonly inputOpen?: boolean;
  /** Gives the next piece to the front end; false if there is none or it takes nothing now. */
  deliver?(): boolean;
  /** Resolves when {@link deliver} is worth another try: a piece arrived, or the input ended. */
  inputReady?(): Promise<void>;
}
