/**
 * The host's end of a network card (QEMU's `-netdev`): what the guest sends goes into it, and it sends frames to the
 * guest. Frames are Ethernet without the check sequence.
 */
export interface NetFrontend {
  /** Whether a frame would be taken now. */
  canReceive(): boolean;
  /**
   * A frame for the guest; one that comes while {@link NetFrontend.canReceive} is false may be lost. False: it was not
   * taken (no buffers); {@link NetBackend.acceptInput} follows.
   *
   * @param offload what the frame leaves undone; the card does it if its driver cannot cope with such a frame.
   */
  receive(frame: Uint8Array, offload?: FrameOffload): boolean;
  /** The cable was plugged in or pulled (QEMU's set_link). */
  setLink?(up: boolean): void;
  /** A back end whose {@link NetBackend.canSend} was false takes frames again. */
  sendReady?(): void;
}

/**
 * What a frame leaves undone, because whoever gets it may never need it (virtio 1.4, 5.1.6.2): its transport checksum is
 * not filled in, and it may be a TCP segment that is longer than the link allows.
 */
export interface FrameOffload {
  /** The checksum goes over the bytes from here to the end, and is stored `csumOffset` bytes from here. */
  readonly csumStart: number;
  readonly csumOffset: number;
  /** `NetGso`: NONE, TCPV4 or TCPV6. */
  readonly gsoType: number;
  /** Bytes of payload in each segment that is cut from it. */
  readonly gsoSize: number;
}

/** What a back end may know of the machine it is plugged into: its time and its chance. */
export interface NetClock {
  /** Nanoseconds of machine time. */
  now(): number;
  /** Runs `run` after `delay` ns of machine time; the function returned cancels it. */
  schedule(delay: number, run: () => void): () => void;
  /** The next 32 random bits, from the machine's seed. */
  random(): number;
}

export interface NetBackend {
  readonly id: string;
  /** How many pairs of queues a card on it can have (QEMU's `queues=`); absent: 1. Which one a frame goes to is the card's. */
  readonly queues?: number;
  /**
   * Whether {@link NetBackend.send} would take a frame now; absent: always. While it is false the card leaves its frames
   * with the guest, until {@link NetFrontend.sendReady}: so a slow peer reaches the guest's sockets, and nothing piles up.
   */
  canSend?(): boolean;
  /**
   * The guest sent a frame. The array is the caller's: what is kept of it must be copied.
   *
   * @param offload what the frame leaves undone; only to a back end with {@link NetBackend.offloads}.
   */
  send(frame: Uint8Array, offload?: FrameOffload): void;
  /** Takes frames that leave something undone: it hands them to another card, or does it itself. Absent: none. */
  readonly offloads?: boolean;
  /** Connects the card; a back end that needs time is given the machine's clock. */
  attach(frontend: NetFrontend, clock?: NetClock): void;
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
