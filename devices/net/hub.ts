import type { NetBackend, NetClock, NetFrontend } from "./backend.ts";
import { FrameQueue } from "./frame_queue.ts";

/** Frames on their way to one port; what comes on top of that is lost, as in a switch whose buffers are full. */
const PORT_QUEUE = 1024;

export interface HubOptions {
  /** Nanoseconds from a port to any other; default 0. */
  readonly delay?: number;
  /** Whether frames may still come although nothing is on its way; default: no. Cards on several machines need it. */
  readonly open?: () => boolean;
}

/**
 * A hub, as QEMU's `-netdev hubport`: a frame that enters at one port leaves at all others. Its ports may be on one
 * machine or on several in this process; each frame arrives on the receiver's own clock, a link's delay after it was sent.
 *
 *     -netdev hubport,id=h0,hubid=0 -device virtio-net-pci,netdev=h0
 *     -netdev user,id=u0 -netdev hubport,id=h1,hubid=0,netdev=u0
 */
export class Hub {
  readonly ports: HubPort[] = [];
  /** Frames that were not delivered, because a port's queue was full or nobody was there. */
  dropped = 0;
  declare readonly delay: number;
  declare private readonly open: () => boolean;

  constructor(options: HubOptions = {}) {
    this.delay = options.delay ?? 0;
    this.open = options.open ?? (() => false);
  }

  /**
   * Adds a port.
   *
   * @param peer what is plugged into it instead of a card: another back end (QEMU's `netdev=`).
   */
  port(id: string, peer?: NetBackend): HubPort {
    const port = new HubPort(this, id, peer, this.open);
    this.ports.push(port);
    return port;
  }

  /** Gives a frame to all ports but `from`. */
  flood(from: HubPort, frame: Uint8Array, sent: number): void {
    for (const port of this.ports) if (port !== from) port.arrive(frame, sent + this.delay);
  }
}

/** One port of a {@link Hub}: the back end of a card, or the place of another back end. */
export class HubPort implements NetBackend {
  private frontend: NetFrontend | undefined;
  private clock: NetClock | undefined;
  /** Frames that are on their way here, then those that are here and were not taken. */
  declare private readonly queue: FrameQueue;
  declare private readonly due: number[];
  private scheduled = false;
  private readonly never: Promise<void> = new Promise(() => {});

  constructor(
    private readonly hub: Hub,
    readonly id: string,
    private readonly peer: NetBackend | undefined,
    private readonly open: () => boolean,
  ) {
    this.queue = new FrameQueue(PORT_QUEUE);
    this.due = [];
  }

  /** The card's end; where another back end is the peer, the card's end is not used, but the clock is. */
  attach(frontend: NetFrontend, clock?: NetClock): void {
    this.clock = clock;
    if (this.peer === undefined) {
      this.frontend = frontend;
      return;
    }
    const { peer } = this;
    peer.attach({
      canReceive: () => true,
      receive: (frame) => {
        this.hub.flood(this, frame, this.now());
        return true;
      },
      sendReady: () => this.flush(),
    }, clock);
    this.frontend = {
      canReceive: () => peer.canSend?.() ?? true,
      receive(frame) {
        if (peer.canSend?.() === false) return false;
        peer.send(frame);
        return true;
      },
    };
  }

  send(frame: Uint8Array): void {
    this.hub.flood(this, frame, this.now());
  }

  /** A frame from another port, which is here at `at` of machine time. */
  arrive(frame: Uint8Array, at: number): void {
    if (this.frontend === undefined || !this.queue.push(frame)) {
      this.hub.dropped++;
      return;
    }
    this.due.push(at);
    this.schedule();
  }
  acceptInput(): void {
    this.flush();
  }

  get inputOpen(): boolean {
    return this.peer?.inputOpen ?? this.open();
  }
  get realTime(): boolean {
    return this.peer?.realTime ?? false;
  }
  deliver(): boolean {
    return this.peer?.deliver?.() ?? false;
  }
  inputReady(): Promise<void> {
    return this.peer?.inputReady?.() ?? this.never;
  }
  close(): void | Promise<void> {
    return this.peer?.close?.();
  }

  private now(): number {
    return this.clock?.now() ?? 0;
  }

  /** Hands over what is here, until one is not taken. */
  private flush(): void {
    const now = this.now();
    while (this.queue.length > 0 && this.due[0] <= now) {
      if (!this.frontend!.canReceive() || !this.frontend!.receive(this.queue.peek()!)) return;
      this.queue.shift();
      this.due.shift();
    }
    this.schedule();
  }
  /** Frames that are here and were refused wait for {@link HubPort.acceptInput}; only those under way need a time. */
  private schedule(): void {
    if (this.scheduled || this.due.length === 0 || this.clock === undefined) return;
    this.scheduled = true;
    this.clock.schedule(Math.max(0, this.due[0] - this.now()), () => {
      this.scheduled = false;
      this.flush();
    });
  }
}
