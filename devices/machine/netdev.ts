import type { TraceSink } from "../../spec/trace.ts";
import { type EventQueue, Random } from "../events.ts";
import type { FrameOffload, NetBackend, NetClock, NetFrontend } from "../net/backend.ts";

/**
 * The machine's side of a network back end: what the guest sends goes out here, what comes for it enters the machine
 * here, and both are recorded. One card may have it.
 */
export class MachineNetdev implements NetBackend {
  private frontend: NetFrontend | undefined;

  /** @param host the back end; without one frames are lost and none come. */
  constructor(
    readonly id: string,
    private readonly host: NetBackend | undefined,
    private readonly clock: NetClock,
    private readonly trace: TraceSink,
  ) {
    host?.attach({
      canReceive: () => this.frontend?.canReceive() ?? false,
      receive: (frame, offload) => this.receive(frame, offload),
      setLink: (up) => this.setLink(up),
      sendReady: () => this.frontend?.sendReady?.(),
    }, clock);
  }

  /** @throws {Error} if another card has it. */
  attach(frontend: NetFrontend): void {
    if (this.frontend !== undefined) {
      throw new Error(`netdev '${this.id}' is in use: only one card may have it`);
    }
    this.frontend = frontend;
  }
  /** The cable of the card (QEMU's set_link). */
  setLink(up: boolean): void {
    this.frontend?.setLink?.(up);
  }

  get queues(): number {
    return this.host?.queues ?? 1;
  }
  canSend(): boolean {
    return this.host?.canSend?.() ?? true;
  }
  get offloads(): boolean {
    return this.host?.offloads ?? false;
  }
  send(frame: Uint8Array, offload?: FrameOffload): void {
    if (this.trace.on) this.trace.emit({ ev: "frame_out", netdev: this.id, hex: toHex(frame) });
    this.host?.send(frame, offload);
  }
  acceptInput(): void {
    this.host?.acceptInput();
  }

  get inputOpen(): boolean {
    return this.host?.inputOpen ?? false;
  }
  get realTime(): boolean {
    return this.host?.realTime ?? false;
  }
  deliver(): boolean {
    return this.host?.deliver?.() ?? false;
  }
  inputReady(): Promise<void> {
    return this.host?.inputReady?.() ?? Promise.resolve();
  }
  /** Nanoseconds of machine time. */
  now(): number {
    return this.clock.now();
  }

  private receive(frame: Uint8Array, offload?: FrameOffload): boolean {
    const taken = this.frontend?.receive(frame, offload) ?? false;
    if (taken && this.trace.on) this.trace.emit({ ev: "frame_in", netdev: this.id, hex: toHex(frame) });
    return taken;
  }
}

/** The machine's time, and chance of its own for each netdev: what it draws changes nothing elsewhere. */
export function netClock(events: EventQueue, seed: number, id: string): NetClock {
  let state = seed >>> 0;
  for (let i = 0; i < id.length; i++) state = Math.imul(state ^ id.charCodeAt(i), 0x0100_0193) >>> 0;
  const random = new Random(state);
  return {
    now: () => events.now,
    schedule: (delay, run) => events.schedule(delay, run),
    random: () => random.u32(),
  };
}

function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}
