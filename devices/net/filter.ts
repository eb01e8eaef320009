import type { NetBackend, NetClock, NetFrontend } from "./backend.ts";

/**
 * Something between a card and its back end that lets everything through; the faults and the dump are made of it. Frames
 * of the guest pass {@link NetFilter.send}, those for it {@link NetFilter.receive}.
 */
export class NetFilter implements NetBackend {
  protected frontend: NetFrontend | undefined;
  protected clock: NetClock | undefined;
  /** Nothing comes from outside. */
  private readonly never: Promise<void> = new Promise(() => {});

  constructor(protected readonly backend: NetBackend) {}

  get id(): string {
    return this.backend.id;
  }
  get queues(): number {
    return this.backend.queues ?? 1;
  }
  attach(frontend: NetFrontend, clock?: NetClock): void {
    this.frontend = frontend;
    this.clock = clock;
    this.backend.attach({
      canReceive: () => this.canReceive(),
      receive: (frame) => this.receive(frame),
      setLink: (up) => frontend.setLink?.(up),
      sendReady: () => this.sendReady(),
    }, clock);
  }

  canSend(): boolean {
    return this.backend.canSend?.() ?? true;
  }
  send(frame: Uint8Array): void {
    this.backend.send(frame);
  }
  protected sendReady(): void {
    this.frontend?.sendReady?.();
  }
  protected canReceive(): boolean {
    return this.frontend?.canReceive() ?? false;
  }
  protected receive(frame: Uint8Array): boolean {
    return this.frontend?.receive(frame) ?? false;
  }
  acceptInput(): void {
    this.backend.acceptInput();
  }

  get inputOpen(): boolean {
    return this.backend.inputOpen ?? false;
  }
  get realTime(): boolean {
    return this.backend.realTime ?? false;
  }
  deliver(): boolean {
    return this.backend.deliver?.() ?? false;
  }
  inputReady(): Promise<void> {
    return this.backend.inputReady?.() ?? this.never;
  }
  close(): void | Promise<void> {
    return this.backend.close?.();
  }
}
