import type { EventQueue } from "../events.ts";
import type { Chain } from "./chain.ts";

/** Longest frame that leaves a device; what is longer is lost (QEMU's NET_BUFSIZE). */
export const MAX_FRAME = 4096 + 65536;
const HEADER_RULE = "virtio 1.4, 5.1.6.2: the header precedes the frame in a buffer that the device reads";

/** What transmitting needs of its device. */
export interface TransmitHost {
  readonly name: string;
  readonly events: EventQueue;
  readonly driverOk: boolean;
  readonly linkUp: boolean;
  /** Bytes of the header. */
  readonly headerLength: number;
  /** `tx=timer`: nanoseconds that a frame waits for others; undefined: none. */
  readonly txTimer: number | undefined;
  /** Frames sent before others get a turn. */
  readonly txBurst: number;
  pop(index: number): Chain | undefined;
  push(index: number, chain: Chain, written: number): void;
  isEmpty(index: number): boolean;
  /** Asks the driver for notifications of a queue, or for none. */
  setNotification(index: number, on: boolean): void;
  notifyDriver(index: number): void;
  needsReset(why: string): void;
  /** Whether the back end takes a frame. */
  canSend(): boolean;
  /** A frame leaves; `chain` has it behind its header. */
  send(frame: Uint8Array, chain: Chain, queue: number): void;
}

/**
 * One transmit queue, as QEMU's: a notification starts a round in which none is wanted; frames go until there are none,
 * then notifications are wanted again. While the back end takes nothing they stay in the ring.
 */
export class Transmitter {
  /** A round is due (QEMU's `tx_waiting`). Outlives a reset. */
  private waiting = false;
  private cancel: (() => void) | undefined;
  /** The back end took no more. */
  private stalled = false;
  private copy: Uint8Array | undefined;

  /** @param index the queue's. */
  constructor(private readonly host: TransmitHost, private readonly index: number) {}

  /** The driver notified the queue. */
  onNotify(): void {
    const { host, index } = this;
    if (!host.linkUp) return this.drop();
    if (this.waiting) {
      // A second notification ends the wait of a timer.
      if (host.txTimer !== undefined) this.run();
      return;
    }
    this.waiting = true;
    host.setNotification(index, false);
    if (host.txTimer === undefined) this.run();
    else this.schedule(host.txTimer);
  }
  /** Status, link or number of pairs changed. `driverOk`: as it will be. `used`: the queue is of a pair in use. */
  onChange(driverOk: boolean, used: boolean): void {
    if (!this.waiting) return;
    const { host } = this;
    this.stop();
    if (driverOk && used && host.linkUp) return this.schedule(host.txTimer ?? 0);
    if (!driverOk || !used || host.linkUp) return;
    this.waiting = false;
    host.setNotification(this.index, true);
    this.drop();
  }
  onReset(): void {
    this.stalled = false;
  }
  /** The back end takes frames again. */
  onReady(): void {
    if (!this.stalled) return;
    this.stalled = false;
    // As after a notification, so that notifications are asked for behind the last frame that goes: asked for before, those
    // of a packed ring would be for a descriptor that lies behind by then, and never come.
    this.run();
  }

  private run(): void {
    this.stop();
    this.waiting = false;
    const { host } = this;
    if (!host.driverOk) return;
    let sent = this.flush();
    if (sent < 0) return;
    if (sent < host.txBurst) {
      host.setNotification(this.index, true);
      // What came before it was wanted again.
      sent = this.flush();
      if (sent <= 0) return;
    }
    this.again();
  }
  /** Another round follows. */
  private again(): void {
    this.host.setNotification(this.index, false);
    this.waiting = true;
    this.schedule(this.host.txTimer ?? 0);
  }
  /** Sends until the ring is empty or the burst is full. How many frames; -1: the back end takes no more, or the ring is bad. */
  private flush(): number {
    const { host, index } = this;
    const { txBurst, headerLength } = host;
    if (!host.driverOk) return 0;
    let sent = 0;
    while (sent < txBurst) {
      if (!host.canSend() && !host.isEmpty(index)) {
        this.stalled = true;
        host.setNotification(index, false);
        return -1;
      }
      const chain = host.pop(index);
      if (chain === undefined) break;
      const length = chain.readableLength - headerLength;
      if (length <= 0) return this.refuse(chain);
      if (length <= MAX_FRAME) {
        host.send(this.frameOf(chain, headerLength, length), chain, index);
      }
      host.push(index, chain, 0);
      host.notifyDriver(index);
      sent++;
    }
    return sent;
  }
  /** The cable is out: what waits counts as sent (QEMU's `virtio_net_drop_tx_queue_data`). */
  private drop(): void {
    const { host, index } = this;
    let dropped = false;
    for (let chain = host.pop(index); chain !== undefined; chain = host.pop(index)) {
      host.push(index, chain, 0);
      dropped = true;
    }
    if (dropped) host.notifyDriver(index);
  }
  private schedule(delay: number): void {
    this.cancel = this.host.events.schedule(delay, () => {
      this.cancel = undefined;
      this.run();
    });
  }
  private stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  /** The bytes behind the header: in guest memory itself where they lie in one piece, else copied. */
  private frameOf(chain: Chain, headerLength: number, length: number): Uint8Array {
    const view = chain.view(headerLength);
    if (view !== undefined) return view;
    this.copy ??= new Uint8Array(MAX_FRAME);
    const frame = this.copy.subarray(0, length);
    chain.readInto(frame, headerLength);
    return frame;
  }
  private refuse(chain: Chain): number {
    const { outNum, readableLength } = chain;
    // QEMU ends in an assertion where the header is cut short.
    const found = outNum === 0
      ? "header not in first element"
      : readableLength < this.host.headerLength
      ? `header incorrect: ${readableLength} bytes`
      : "nothing to send";
    this.host.needsReset(`${this.host.name} queue ${this.index}: virtio-net ${found} (${HEADER_RULE})`);
    this.host.push(this.index, chain, 0);
    return -1;
  }
}
