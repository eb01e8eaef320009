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

/** Who may still send input into a machine, and the guest that sleeps until something comes. */
export class HostInput {
  private explicit = 0;
  /** How often something came in. */
  arrivals = 0;
  private wakeSleeper: (() => void) | undefined;

  constructor(private readonly chardevs: Iterable<MachineChardev>) {}

  /** Announces a source that calls the machine by itself; the function returned says that no more will come. */
  open(): () => void {
    let open = true;
    this.explicit++;
    return () => {
      if (!open) return;
      open = false;
      this.explicit--;
      this.wake();
    };
  }

  /** Lets one waiting piece of input into the machine; false if there is none. */
  deliver(): boolean {
    for (const c of this.chardevs) if (c.deliver()) return true;
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

  /** @throws {DeadlockError} if nothing can ever come in. */
  check(): void {
    if (this.explicit > 0) return;
    for (const c of this.chardevs) if (c.inputOpen) return;
    throw new DeadlockError(
      "the guest waits for an interrupt, but no event is due and no host input can arrive",
    );
  }

  /** Until something may have come in. @throws {DeadlockError} as {@link HostInput.check}. */
  sleep(): Promise<void> {
    this.check();
    const ready: Promise<void>[] = [new Promise((wake) => this.wakeSleeper = wake)];
    for (const c of this.chardevs) if (c.inputOpen) ready.push(c.inputReady());
    return Promise.race(ready);
  }
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
