import type { NetBackend } from "./backend.ts";
import { NetFilter } from "./filter.ts";

/** What goes wrong on a link. Probabilities are from 0 to 1, for each frame and in both directions. */
export interface Faults {
  readonly loss: number;
  readonly duplicate: number;
  /** The frame is held back for up to {@link REORDER_SPAN}, so that later ones overtake it. */
  readonly reorder: number;
  /** One bit of an IP packet is inverted. Nothing else is: Ethernet's own check would have found it. */
  readonly corrupt: number;
  /** Nanoseconds that every frame takes. */
  readonly delay: number;
}

/** Nothing goes wrong. */
export const NO_FAULTS: Faults = { loss: 0, duplicate: 0, reorder: 0, corrupt: 0, delay: 0 };
/** Longest time in nanoseconds by which a reordered frame is late. */
export const REORDER_SPAN = 2_000_000;

/** Frames that are under way in one direction; with more, the sender has to wait. */
const IN_FLIGHT = 1024;
const ETHERTYPE = 12, IPV4 = 0x0800, HEADER = 14;
const ONE = 0x1_0000_0000;

/** Counts of what was done to frames, in both directions. */
export interface FaultCounts {
  passed: number;
  lost: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
}

/**
 * A bad link between a card and its back end, for tests of those who must live with one (`x-loss=5%` and its like; QEMU
 * has no such thing). All chance comes from the machine's seed and all time from its clock: the same run has the same
 * faults.
 */
export class FaultLink extends NetFilter {
  readonly counts: FaultCounts = { passed: 0, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 };
  declare private readonly out: Lane;
  declare private readonly in: Lane;

  constructor(backend: NetBackend, readonly faults: Faults) {
    super(backend);
    this.out = new Lane(() => super.canSend(), (frame) => super.send(frame));
    this.in = new Lane(() => super.canReceive(), (frame) => super.receive(frame));
  }

  override canSend(): boolean {
    return this.out.ask();
  }
  override send(frame: Uint8Array): void {
    this.pass(this.out, frame);
  }
  protected override sendReady(): void {
    this.out.flush();
    if (this.out.reopened()) super.sendReady();
  }
  protected override canReceive(): boolean {
    return this.in.ask();
  }
  protected override receive(frame: Uint8Array): boolean {
    if (!this.in.ask()) return false;
    this.pass(this.in, frame);
    return true;
  }
  override acceptInput(): void {
    this.in.flush();
    if (this.in.reopened()) super.acceptInput();
  }

  private pass(lane: Lane, frame: Uint8Array): void {
    const { loss, duplicate, reorder, corrupt, delay } = this.faults;
    if (this.happens(loss)) {
      this.counts.lost++;
      return;
    }
    this.counts.passed++;
    let bytes = frame;
    if (this.happens(corrupt) && isIpv4(frame)) {
      this.counts.corrupted++;
      bytes = frame.slice();
      const bit = this.random() % (8 * (bytes.length - HEADER));
      bytes[HEADER + (bit >>> 3)] ^= 1 << (bit & 7);
    }
    let late = delay;
    if (this.happens(reorder)) {
      this.counts.reordered++;
      late += 1 + this.random() % REORDER_SPAN;
    }
    this.carry(lane, bytes, late);
    if (this.happens(duplicate)) {
      this.counts.duplicated++;
      this.carry(lane, bytes, delay);
    }
  }

  private carry(lane: Lane, frame: Uint8Array, late: number): void {
    if (late === 0 || this.clock === undefined) return lane.arrive(frame);
    const copy = frame.slice();
    lane.underWay++;
    this.clock.schedule(late, () => {
      lane.underWay--;
      lane.arrive(copy);
      if (!lane.reopened()) return;
      if (lane === this.out) super.sendReady();
      else super.acceptInput();
    });
  }

  /** Draws only where something can happen: a fault that is switched on leaves the others' chances as they were. */
  private happens(probability: number): boolean {
    return probability > 0 && this.random() < probability * ONE;
  }
  private random(): number {
    return this.clock?.random() ?? 0;
  }
}

/** One direction: frames under way, and those that have arrived and were not taken. */
class Lane {
  underWay = 0;
  private readonly waiting: Uint8Array[] = [];
  /** Someone was told to wait. */
  private refused = false;

  constructor(
    private readonly ready: () => boolean,
    private readonly hand: (frame: Uint8Array) => boolean | void,
  ) {}

  private get open(): boolean {
    return this.waiting.length === 0 && this.underWay < IN_FLIGHT;
  }
  /** Whether a frame would be taken; if not, {@link Lane.reopened} tells when. */
  ask(): boolean {
    if (!this.open) this.refused = true;
    return this.open;
  }
  /** Whether someone was told to wait and need not any more. */
  reopened(): boolean {
    if (!this.refused || !this.open) return false;
    this.refused = false;
    return true;
  }
  arrive(frame: Uint8Array): void {
    this.flush();
    if (this.waiting.length > 0 || !this.ready() || this.hand(frame) === false) {
      this.waiting.push(frame.slice());
    }
  }
  flush(): void {
    while (this.waiting.length > 0 && this.ready()) {
      if (this.hand(this.waiting[0]) === false) return;
      this.waiting.shift();
    }
  }
}

function isIpv4(frame: Uint8Array): boolean {
  return frame.length > HEADER && frame[ETHERTYPE] * 256 + frame[ETHERTYPE + 1] === IPV4;
}
