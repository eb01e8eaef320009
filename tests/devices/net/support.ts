import { EventQueue } from "../../../devices/events.ts";
import { netClock } from "../../../devices/machine/netdev.ts";
import type { NetBackend, NetClock, NetFrontend } from "../../../devices/net/backend.ts";

/** The card's side of a back end, driven by a test: what it receives is kept, and it can refuse. */
export class Card implements NetFrontend {
  readonly received: Uint8Array[] = [];
  readonly times: number[] = [];
  /** How many more frames are taken. */
  room = Infinity;
  ready = 0;
  readonly events: EventQueue;
  readonly clock: NetClock;

  constructor(readonly backend: NetBackend, seed = 1, events = new EventQueue()) {
    this.events = events;
    this.clock = netClock(events, seed, backend.id);
    backend.attach(this, this.clock);
  }
  canReceive(): boolean {
    return this.room > 0;
  }
  receive(frame: Uint8Array): boolean {
    if (this.room <= 0) return false;
    this.room--;
    this.received.push(frame.slice());
    this.times.push(this.clock.now());
    return true;
  }
  sendReady(): void {
    this.ready++;
  }
  /** Makes room for `n` frames and says so. */
  accept(n: number): void {
    this.room = n;
    this.backend.acceptInput();
  }
  /** Lets machine time pass. */
  pass(ns: number): void {
    this.events.advance(ns);
  }
}

/** A back end that keeps what the guest sends, and may refuse. */
export class Sink implements NetBackend {
  readonly id = "n0";
  readonly sent: Uint8Array[] = [];
  room = Infinity;
  frontend: NetFrontend | undefined;
  accepts = 0;
  canSend(): boolean {
    return this.sent.length < this.room;
  }
  send(frame: Uint8Array): void {
    this.sent.push(frame.slice());
  }
  attach(frontend: NetFrontend): void {
    this.frontend = frontend;
  }
  acceptInput(): void {
    this.accepts++;
  }
  /** Takes `n` more frames and says so. */
  accept(n: number): void {
    this.room = this.sent.length + n;
    this.frontend!.sendReady?.();
  }
}

/** An IPv4-looking frame of `length` bytes whose last bytes are `tag`. */
export function frameOf(tag: number, length = 60): Uint8Array {
  const frame = new Uint8Array(length);
  frame[12] = 0x08;
  new DataView(frame.buffer).setUint32(length - 4, tag);
  return frame;
}
export function tagOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(frame.length - 4);
}
