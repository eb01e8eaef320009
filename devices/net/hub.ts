import type { NetBackend, NetClock, NetFrontend } from "./backend.ts";

/** Frames on their way to one port; what comes on top of that is lost, as in a switch whose buffers are full. */
const PORT_QUEUE = 1024;
/** Buffers that are kept for later frames, and what one has room for at first. */
const POOL = 256, BUFFER = 1536;

/** A frame on its way, shared by the ports that it goes to. */
interface Parcel {
  /** The buffer, and the part of it that is the frame. */
  bytes: Uint8Array;
  frame: Uint8Array;
  /** Ports that still need it. */
  users: number;
}

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
  private readonly pool: Parcel[] = [];

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
    const parcel = this.pool.pop() ?? newParcel();
    if (parcel.bytes.length < frame.length) parcel.bytes = new Uint8Array(frame.length);
    parcel.bytes.set(frame);
    if (parcel.frame.length !== frame.length || parcel.frame.buffer !== parcel.bytes.buffer) {
      parcel.frame = parcel.bytes.subarray(0, frame.length);
    }
    parcel.users = 1;
    const due = sent + this.delay;
    for (const port of this.ports) {
      if (port === from) continue;
      if (port.arrive(parcel, due)) parcel.users++;
      else this.dropped++;
    }
    this.release(parcel);
  }
  /** One user fewer. */
  release(parcel: Parcel): void {
    if (--parcel.users === 0 && this.pool.length < POOL) this.pool.push(parcel);
  }
}

function newParcel(): Parcel {
  const bytes = new Uint8Array(BUFFER);
  return { bytes, frame: bytes, users: 0 };
}

/**
 * One port of a {@link Hub}: the back end of a card, or the place of another back end. A frame that is here goes to the
 * card at once if that can receive, also ahead of those that wait; they follow when it was taken, or when the card asks
 * (QEMU's net/queue.c).
 */
export class HubPort implements NetBackend {
  private frontend: NetFrontend | undefined;
  private clock: NetClock | undefined;
  /** Frames that are on their way here, and when each of them arrives. */
  private readonly parcels: Parcel[] = [];
  private readonly times: number[] = [];
  /** Frames that are here and were not taken: first come, first served. */
  private readonly waiting: Parcel[] = [];
  /** A frame is being handed over: what comes of that waits. */
  private delivering = false;
  /** When {@link HubPort.arrived} is scheduled. */
  private wakes: number | undefined;
  private readonly never: Promise<void> = new Promise(() => {});

  constructor(
    private readonly hub: Hub,
    readonly id: string,
    private readonly peer: NetBackend | undefined,
    private readonly open: () => boolean,
  ) {}

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

  /**
   * A frame from another port, which is here at `at` of machine time; not always in the order of that, for of two machines
   * the one that is ahead may have sent first. False: there is no room.
   */
  arrive(parcel: Parcel, at: number): boolean {
    const { parcels, times, waiting } = this;
    if (this.frontend === undefined || parcels.length + waiting.length >= PORT_QUEUE) return false;
    const due = Math.max(at, this.now());
    let i = times.length;
    while (i > 0 && times[i - 1] > due) i--;
    if (i === times.length) {
      parcels.push(parcel);
      times.push(due);
    } else {
      parcels.splice(i, 0, parcel);
      times.splice(i, 0, due);
    }
    this.schedule();
    return true;
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

  /** Frames on their way are here. */
  private arrived(): void {
    const { parcels, times, waiting, hub } = this;
    const now = this.now();
    while (times.length > 0 && times[0] <= now) {
      const parcel = parcels.shift()!;
      times.shift();
      if (this.delivering || !this.frontend!.canReceive() || !this.hand(parcel)) waiting.push(parcel);
      else {
        hub.release(parcel);
        this.flush();
      }
    }
    if (times.length > 0) this.schedule();
  }
  /** Hands over what waits, until one is not taken; the card itself knows whether it can. */
  private flush(): void {
    const { waiting, hub } = this;
    if (this.delivering || waiting.length === 0) return;
    let done = 0;
    while (done < waiting.length && this.hand(waiting[done])) hub.release(waiting[done++]);
    waiting.splice(0, done);
  }
  private hand(parcel: Parcel): boolean {
    this.delivering = true;
    const taken = this.frontend!.receive(parcel.frame);
    this.delivering = false;
    return taken;
  }
  private schedule(): void {
    if (this.clock === undefined) return;
    const at = this.times[0];
    if (this.wakes !== undefined && this.wakes <= at) return;
    this.wakes = at;
    this.clock.schedule(Math.max(0, at - this.now()), () => {
      if (this.wakes === at) this.wakes = undefined;
      this.arrived();
    });
  }
}
