import type { NetBackend, NetFrontend } from "./backend.ts";
import type { HostListener, HostStream } from "./user/host.ts";

/** Bytes before each frame: its length, the highest byte first. */
const LENGTH = 4;
/** Longest frame, as QEMU's NET_BUFSIZE; more is no frame, and the connection is given up. */
const MAX_FRAME = 4096 + 65536;

/**
 * Frames over a TCP connection, each behind its length, as QEMU's `-netdev socket`: so that two machines, or one and a
 * real QEMU, are neighbours on a wire. A listening one has one peer at a time and waits for the next when that has gone.
 *
 *     -netdev socket,id=n0,listen=127.0.0.1:4444        (QEMU: -netdev socket,id=n0,connect=127.0.0.1:4444)
 */
export class SocketNetdev implements NetBackend {
  private frontend: NetFrontend | undefined;
  private stream: HostStream | undefined;
  /** What of a frame did not fit into the stream yet. */
  private readonly rest = new Uint8Array(LENGTH + MAX_FRAME);
  private restFrom = 0;
  private restEnd = 0;
  /** The beginning of a frame whose end has not come yet. */
  private readonly partial = new Uint8Array(LENGTH + MAX_FRAME);
  private have = 0;
  private refused = false;
  private hasArrived = false;
  private ready: Promise<void> | undefined;
  private wake: () => void = () => {};

  /** @param log told in a line when a peer comes, goes, or is no such peer. */
  constructor(
    readonly id: string,
    private readonly source: { listener: HostListener } | { stream: HostStream },
    private readonly log: (line: string) => void = () => {},
  ) {
    if ("listener" in source) source.listener.onEvent = () => this.arrived();
    else this.plug(source.stream);
  }

  get connected(): boolean {
    return this.stream !== undefined;
  }

  attach(frontend: NetFrontend): void {
    this.frontend = frontend;
  }

  canSend(): boolean {
    this.refused = this.restFrom < this.restEnd;
    return !this.refused;
  }
  /** Without a peer frames are lost. */
  send(frame: Uint8Array): void {
    const { stream, rest } = this;
    if (stream === undefined || frame.length > MAX_FRAME || this.restFrom < this.restEnd) return;
    const { length } = frame;
    const { space } = stream;
    if (space.length >= LENGTH + length) {
      putLength(space, length);
      space.set(frame, LENGTH);
      return stream.commit(LENGTH + length);
    }
    putLength(rest, length);
    rest.set(frame, LENGTH);
    this.restFrom = 0;
    this.restEnd = LENGTH + length;
    this.sendRest();
  }
  acceptInput(): void {
    this.receive();
  }

  get inputOpen(): boolean {
    return this.hasArrived || this.stream !== undefined || "listener" in this.source;
  }
  get realTime(): boolean {
    return this.inputOpen;
  }
  deliver(): boolean {
    if (!this.hasArrived) return false;
    this.hasArrived = false;
    if (this.stream === undefined && "listener" in this.source) {
      const next = this.source.listener.accept();
      if (next !== undefined) {
        this.plug(next);
        this.log(`netdev '${this.id}': a peer has connected`);
      }
    }
    this.sendRest();
    this.receive();
    return true;
  }
  inputReady(): Promise<void> {
    if (this.hasArrived) return Promise.resolve();
    return this.ready ??= new Promise((wake) => this.wake = wake);
  }
  close(): void {
    this.unplug();
    if ("listener" in this.source) this.source.listener.close();
  }

  /** From outside the machine's time: only takes note. */
  private arrived(): void {
    this.hasArrived = true;
    this.ready = undefined;
    this.wake();
  }
  private plug(stream: HostStream): void {
    this.stream = stream;
    this.have = this.restFrom = this.restEnd = 0;
    stream.onEvent = () => this.arrived();
    this.arrived();
  }
  private unplug(why?: string): void {
    const { stream } = this;
    if (stream === undefined) return;
    this.stream = undefined;
    this.restFrom = this.restEnd = 0;
    stream.onEvent = undefined;
    stream.abort();
    if (why !== undefined) this.log(`netdev '${this.id}': ${why}`);
    // The next peer may be waiting already, and a card that was told to wait need not any more.
    this.arrived();
    if (this.refused) this.frontend?.sendReady?.();
  }

  private sendRest(): void {
    const { stream } = this;
    if (stream === undefined || this.restFrom >= this.restEnd) return;
    while (this.restFrom < this.restEnd) {
      const { space } = stream;
      if (space.length === 0) return;
      const n = Math.min(space.length, this.restEnd - this.restFrom);
      space.set(this.rest.subarray(this.restFrom, this.restFrom + n));
      stream.commit(n);
      this.restFrom += n;
    }
    if (this.refused) this.frontend?.sendReady?.();
  }

  /** Gives the card the frames that are there, until it takes no more. */
  private receive(): void {
    while (this.stream !== undefined && this.frontend?.canReceive()) {
      const { stream } = this;
      const taken = this.takeFrame(stream);
      if (taken === "wait") break;
      if (taken === "garbage") return this.unplug("the peer sends no frames; disconnected");
    }
    const { stream } = this;
    if (stream?.state === "ended" || stream?.state === "failed") this.unplug("the peer has gone");
  }

  private takeFrame(stream: HostStream): "frame" | "wait" | "garbage" {
    const { input } = stream;
    if (this.have === 0 && input.length >= LENGTH) {
      const length = getLength(input);
      if (length > MAX_FRAME) return "garbage";
      if (input.length >= LENGTH + length) {
        if (!this.give(input.subarray(LENGTH, LENGTH + length))) return "wait";
        stream.take(LENGTH + length);
        return "frame";
      }
    }
    // In pieces: put together in a buffer of our own.
    if (input.length === 0 && !this.complete) return "wait";
    if (!this.gather(stream, LENGTH)) return "wait";
    if (getLength(this.partial) > MAX_FRAME) return "garbage";
    if (!this.gather(stream, LENGTH + getLength(this.partial))) return "wait";
    if (!this.give(this.partial.subarray(LENGTH, this.have))) return "wait";
    this.have = 0;
    return "frame";
  }
  private get complete(): boolean {
    return this.have >= LENGTH && this.have === LENGTH + getLength(this.partial);
  }
  /** Fills the partial frame up to `end` bytes; false if there are not so many. */
  private gather(stream: HostStream, end: number): boolean {
    if (this.have >= end) return true;
    const n = Math.min(end - this.have, stream.input.length);
    if (n === 0) return false;
    this.partial.set(stream.input.subarray(0, n), this.have);
    this.have += n;
    stream.take(n);
    return this.have === end;
  }
  /** An empty frame is none (QEMU hands it on, and nobody can do anything with it). */
  private give(frame: Uint8Array): boolean {
    return frame.length === 0 || this.frontend!.receive(frame);
  }
}

function putLength(bytes: Uint8Array, length: number): void {
  bytes[0] = length >>> 24;
  bytes[1] = length >>> 16;
  bytes[2] = length >>> 8;
  bytes[3] = length;
}
function getLength(bytes: Uint8Array): number {
  return (bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]) >>> 0;
}
