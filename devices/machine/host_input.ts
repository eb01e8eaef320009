import { DeadlockError } from "../../spec/deadlock.ts";
import type { Chardev, ChardevFrontend } from "../chardev.ts";
import type { TraceSink } from "../../spec/trace.ts";

/**
 * The machine's side of a chardev: what comes from the host enters the machine here and is recorded, what the guest
 * writes is recorded and goes out. With `mux=on` several front ends share it: all write, and the one that attached last
 * has the input, as in QEMU.
 */
export class MachineChardev implements Chardev {
  private frontend: ChardevFrontend | undefined;
  private waiting: Uint8Array = new Uint8Array(0);
  private size: { cols: number; rows: number } | undefined;

  /**
   * @param host the back end; without one, output is lost and input comes from {@link MachineChardev.input} only.
   * @param mux whether more than one front end may attach.
   * @param onInput called after bytes came in.
   */
  constructor(
    readonly id: string,
    private readonly host: Chardev | undefined,
    private readonly mux: boolean,
    private readonly trace: TraceSink,
    private readonly onInput: () => void,
  ) {
    host?.attach({
      canReceive: () => this.room(),
      receive: (bytes) => this.input(bytes),
      resize: (cols, rows) => this.resize(cols, rows),
    });
  }

  /** @throws {Error} if another front end has it and it is not shared. */
  attach(frontend: ChardevFrontend): void {
    if (this.frontend !== undefined && !this.mux) {
      throw new Error(`chardev '${this.id}' is in use: only one device may have it, unless it has mux=on`);
    }
    this.frontend = frontend;
    if (this.size !== undefined) frontend.resize?.(this.size.cols, this.size.rows);
  }

  write(bytes: Uint8Array): void {
    if (this.trace.on) this.trace.emit({ ev: "output", chardev: this.id, hex: toHex(bytes) });
    this.host?.write(bytes);
  }

  /** Bytes from the host. What the device cannot take yet waits here, in order. */
  input(bytes: Uint8Array): void {
    if (this.trace.on) this.trace.emit({ ev: "input", chardev: this.id, hex: toHex(bytes) });
    const all = new Uint8Array(this.waiting.length + bytes.length);
    all.set(this.waiting);
    all.set(bytes, this.waiting.length);
    this.waiting = all;
    this.flush();
    this.onInput();
  }

  /** Asks the front end how much it takes, and gives it what waits: QEMU's main loop does so all the time. */
  poll(): void {
    if ((this.frontend?.canReceive() ?? 0) > 0) this.flush();
  }

  resize(cols: number, rows: number): void {
    this.size = { cols, rows };
    this.frontend?.resize?.(cols, rows);
    this.onInput();
  }

  acceptInput(): void {
    this.flush();
    if (this.waiting.length === 0) this.host?.acceptInput();
  }

  get inputOpen(): boolean {
    return this.host?.inputOpen ?? false;
  }
  deliver(): boolean {
    return this.host?.deliver?.() ?? false;
  }
  inputReady(): Promise<void> {
    return this.host?.inputReady?.() ?? Promise.resolve();
  }

  private room(): number {
    return this.waiting.length > 0 ? 0 : this.frontend?.canReceive() ?? 0;
  }

  private flush(): void {
    while (this.waiting.length > 0 && this.frontend !== undefined) {
      const room = Math.min(this.frontend.canReceive(), this.waiting.length);
      if (room <= 0) return;
      const now = this.waiting.subarray(0, room);
      this.waiting = this.waiting.subarray(room);
      this.frontend.receive(now);
    }
  }
}

/** Where input comes from: a chardev or a network's back end. */
export interface InputSource {
  readonly inputOpen?: boolean;
  readonly realTime?: boolean;
  deliver?(): boolean;
  inputReady?(): Promise<void>;
}

/** Who may still send input into a machine, and the guest that sleeps until something comes. */
export class HostInput {
  private explicit = 0;
  /** How often something came in. */
  arrivals = 0;
  private wakeSleeper: (() => void) | undefined;
  private readonly sources: InputSource[] = [];
  /** What each source was last waited for: nobody gathers a second waiter for the same. */
  private readonly awaited = new Map<InputSource, Promise<void>>();
  private turn = 0;

  add(source: InputSource): void {
    this.sources.push(source);
  }

  /** Announces a source that calls the machine by itself; the function returned says that no more will come. */
  announce(): () => void {
    let open = true;
    this.explicit++;
    return () => {
      if (!open) return;
      open = false;
      this.explicit--;
      this.wake();
    };
  }

  /** Lets one waiting piece of input into the machine; false if there is none. The sources take turns. */
  deliver(): boolean {
    const { sources } = this;
    for (let i = 0; i < sources.length; i++) {
      const at = (this.turn + i) % sources.length;
      if (!sources[at].deliver?.()) continue;
      this.turn = at + 1;
      return true;
    }
    return false;
  }

  /** Bytes or a new size came in. */
  arrived(): void {
    this.arrivals++;
    this.wake();
  }

  /** A sleeping guest looks again: something came in, a source closed, or the machine ended. */
  wake(): void {
    const wake = this.wakeSleeper;
    this.wakeSleeper = undefined;
    wake?.();
  }

  /** Whether anything can still come in. */
  get isOpen(): boolean {
    return this.explicit > 0 || this.sources.some((s) => s.inputOpen);
  }
  /** Whether somebody at the other end lives by the wall clock. */
  get realTime(): boolean {
    for (const s of this.sources) if (s.realTime) return true;
    return false;
  }

  /** @throws {DeadlockError} if nothing can ever come in. */
  check(): void {
    if (this.isOpen) return;
    throw new DeadlockError(
      "the guest waits for an interrupt, but no event is due and no host input can arrive",
    );
  }

  /** Asks the sources to wake the sleeper when they have something. */
  listen(): void {
    for (const source of this.sources) {
      if (!source.inputOpen || source.inputReady === undefined) continue;
      const ready = source.inputReady();
      if (this.awaited.get(source) === ready) continue;
      this.awaited.set(source, ready);
      ready.then(() => {
        if (this.awaited.get(source) === ready) this.awaited.delete(source);
        this.wake();
      });
    }
  }

  /** Until something may have come in, or somebody else calls the `wake` that `arm` is given. */
  sleep(arm: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      this.wakeSleeper = resolve;
      arm(() => this.wake());
      this.listen();
    });
  }
}

function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}
