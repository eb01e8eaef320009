/**
 * The host's end of a network card (QEMU's `-netdev`): what the guest sends goes into it, and it sends frames to the
 * guest. Frames are Ethernet without the check sequence.
 */
export interface NetFrontend {
  /** Whether a frame would be taken now. */
  canReceive(): boolean;
  /** A frame for the guest. False: it was not taken (no buffers); {@link NetBackend.acceptInput} follows. */
  receive(frame: Uint8Array): boolean;
  /** The cable was plugged in or pulled (QEMU's set_link). */
  setLink?(up: boolean): void;
}

export interface NetBackend {
  readonly id: string;
  /** The guest sent a frame. The array is the caller's: what is kept of it must be copied. */
  send(frame: Uint8Array): void;
  attach(frontend: NetFrontend): void;
  /** The front end can take frames again: deliver what waits. */
  acceptInput(): void;
  /**
   * Whether frames can still come from outside the machine. As with chardevs, they enter only through
   * {@link NetBackend.deliver}, which the machine calls when the guest idles: so a recorded input gives the same run.
   */
  readonly inputOpen?: boolean;
  /** Something from outside (bytes of a socket, a frame) enters the machine; false if nothing waits. */
  deliver?(): boolean;
  /** Resolves when {@link NetBackend.deliver} is worth another try. */
  inputReady?(): Promise<void>;
  /** Those at the other end live by the wall clock: the machine must not run ahead of it while it idles. */
  readonly realTime?: boolean;
  /** Gives sockets and files back. */
  close?(): void | Promise<void>;
}
