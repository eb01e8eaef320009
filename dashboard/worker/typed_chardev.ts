import type { Chardev, ChardevFrontend } from "../../devices/chardev.ts";

/** A piece of input, and where in the run it entered: events recorded before it, and the virtual time. */
export interface TypedInput {
  readonly chardev: string;
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly t: number;
}

/** What the chardevs of a machine ask of its run. */
export interface InputGate {
  /** Whether a recorded piece is to enter just now. */
  due(): TypedInput | undefined;
  /** It has entered. */
  taken(): void;
  /** Whether what is typed now may enter: all that was recorded has, and the machine is not held. */
  open(): boolean;
  /** A piece entered that was typed. */
  record(chardev: string, bytes: Uint8Array): void;
}

/**
 * A console in a page. Input enters when the guest idles; a piece that was recorded enters exactly where it did then, so
 * that the run is the same.
 */
export class TypedChardev implements Chardev {
  private frontend: ChardevFrontend | undefined;
  private pieces: Uint8Array[] = [];
  private ready: Promise<void> | undefined;
  private wakeWaiting: () => void = () => {};

  constructor(readonly id: string, private readonly gate: InputGate) {}

  attach(frontend: ChardevFrontend): void {
    this.frontend = frontend;
  }
  /** The machine records what is written. */
  write(): void {}
  acceptInput(): void {}
  /** There is always somebody at the keyboard. */
  readonly inputOpen = true;

  send(bytes: Uint8Array): void {
    if (bytes.length > 0) this.pieces.push(bytes);
    this.look();
  }
  /** The machine looks for input again. */
  look(): void {
    this.wakeWaiting();
    this.ready = undefined;
  }
  deliver(): boolean {
    const due = this.gate.due();
    if (due !== undefined) {
      if (due.chardev !== this.id) return false;
      this.gate.record(this.id, due.bytes);
      this.gate.taken();
      this.frontend!.receive(due.bytes);
      return true;
    }
    const room = this.frontend?.canReceive() ?? 0;
    if (this.pieces.length === 0 || room === 0 || !this.gate.open()) return false;
    const piece = this.pieces[0].subarray(0, room);
    if (piece.length === this.pieces[0].length) this.pieces.shift();
    else this.pieces[0] = this.pieces[0].subarray(room);
    this.gate.record(this.id, piece);
    this.frontend!.receive(piece);
    return true;
  }
  inputReady(): Promise<void> {
    return this.ready ??= new Promise((wake) => this.wakeWaiting = wake);
  }
}
