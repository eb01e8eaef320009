/** The driver of the console device (virtio 1.4, 5.3), port 0. QEMU: `-device virtio-serial-pci -device virtconsole`. */
import type { Platform } from "../arch/platform.ts";
import { ConsoleConfig, ConsoleQueue } from "../spec/virtio/console.ts";
import { ConsoleF } from "../spec/virtio/features.ts";
import { VirtioId } from "../spec/virtio/ids.ts";
import { type DriverContext, type Log, queueEnv } from "./context.ts";
import { DriverError, VirtioError, VirtqError } from "./virtio/error.ts";
import {
  describeDevice,
  type DriverFeatures,
  initCaps,
  requiredFeatures,
  ringFeatures,
  type VirtioDeviceInfo,
} from "./virtio/features.ts";
import { type QueueBuffer, QueueBuffers, VIRTIO_MAX_QUEUE_SIZE } from "./virtio/queue_buffers.ts";
import type { UniCapsColl } from "./virtio/transport/mod.ts";
import { createVirtq } from "./virtio/virtqueue/mod.ts";

/** Bytes of a buffer, and how many a queue has at most. */
const PACKET_SIZE = 4096;
const PACKETS = 16;
/** How long {@link VirtioConsoleDriver.flush} waits for the next buffer: nanoseconds of machine time. */
const FLUSH_PATIENCE = 200e6;
/** How often it looks at a clock that stands. */
const FLUSH_LOOKS = 100_000;

/** The console: a stream of bytes in each direction. Neither direction ever waits. */
export class VirtioConsoleDriver {
  readonly name = "virtio-console";
  /** As soon as `initDev` returned. */
  device!: VirtioDeviceInfo;
  /** Called from the interrupt handler when bytes arrived. */
  onInput: (() => void) | undefined;
  /** Called from the interrupt handler when the terminal changed its size: characters and lines. */
  onResize: ((cols: number, rows: number) => void) | undefined;
  /** Called from the interrupt handler when a write took less than all and there is room again. */
  onWritable: (() => void) | undefined;
  /** Why the device cannot be used any more. */
  broken: DriverError | undefined;

  private readonly platform: Platform;
  private readonly log: Log;
  private rx!: QueueBuffers;
  private tx!: QueueBuffers;
  private hasSize = false;
  /** The packet that is being read, and how far. */
  private current: QueueBuffer | undefined;
  private position = 0;

  private constructor(private readonly caps: UniCapsColl, ctx: DriverContext) {
    this.platform = ctx.platform;
    this.log = ctx.log;
  }

  /** Starts the device. @throws {VirtioError} see `initCaps`. */
  static initDev(caps: UniCapsColl, ctx: DriverContext): VirtioConsoleDriver {
    const driver: DriverFeatures = {
      name: "virtio-console",
      virtioId: VirtioId.Console,
      minimal: requiredFeatures(ctx),
      optional: ringFeatures(ctx) | ConsoleF.SIZE,
    };
    const console = new VirtioConsoleDriver(caps, ctx);
    const { features } = initCaps(caps, driver, ctx.log, (features) => console.setUp(features, ctx));
    console.device = describeDevice(
      driver,
      caps.location,
      features,
      caps.comCfg,
      () => [console.rx.vq, console.tx.vq],
    );
    ctx.log.info("virtio-console device has been initialized by driver!");
    // Only now: the device must not be notified before DRIVER_OK (virtio 1.4, 3.1.1).
    console.rx.dispatchAll();
    return console;
  }

  private setUp(features: bigint, ctx: DriverContext): void {
    const { comCfg, notifCfg, interrupt, devCfg } = this.caps;
    this.hasSize = (features & ConsoleF.SIZE) !== 0n;
    if (this.hasSize && (devCfg === undefined || devCfg.length < ConsoleConfig.ROWS + 2)) {
      throw new VirtioError(
        "NoDevCfg",
        `${comCfg.deviceName}: offers SIZE without a configuration that holds it`,
      );
    }
    // Vectors first: a queue is enabled with its vector set.
    interrupt.connect({
      name: this.name,
      onConfig: () => this.onConfig(),
      queues: [
        { index: ConsoleQueue.RECEIVE, onUsed: () => this.onReceived() },
        { index: ConsoleQueue.TRANSMIT, onUsed: () => this.onTransmitted() },
      ],
    });
    const make = (index: number, direction: "send" | "receive") => {
      const env = queueEnv(ctx, comCfg.deviceName);
      const vq = createVirtq(comCfg, notifCfg, VIRTIO_MAX_QUEUE_SIZE, index, features, env);
      const owner = `${comCfg.deviceName} queue ${index}`;
      return new QueueBuffers(vq, ctx.alloc, direction, PACKETS, PACKET_SIZE, owner, ctx.log);
    };
    this.rx = make(ConsoleQueue.RECEIVE, "receive");
    this.rx.vq.enableNotifs();
    try {
      this.tx = make(ConsoleQueue.TRANSMIT, "send");
    } catch (error) {
      // Not live yet (no DRIVER_OK): the device does not use the first queue's memory.
      this.rx.release();
      throw error;
    }
    this.tx.vq.disableNotifs();
  }

  /** Whether {@link read} has something to look at. */
  readReady(): boolean {
    if (this.broken !== undefined) return false;
    return this.unread() > 0 || this.rx.vq.hasUsedBuffers();
  }

  /** Copies bytes that have arrived. Returns how many; 0 when there are none. @throws {DriverError} if broken. */
  read(target: Uint8Array): number {
    return this.guarded(() => {
      let done = 0;
      while (done < target.length) {
        const n = Math.min(this.unread(), target.length - done);
        if (n === 0) {
          if (!this.nextPacket()) break;
          continue;
        }
        const { memory, offset } = this.current!.vec.buffer;
        memory.readBytes(offset + this.position, target.subarray(done, done + n));
        this.position += n;
        done += n;
      }
      return done;
    });
  }

  /**
   * Takes as many bytes as there is room for and sends them. What the device has finished is taken back first.
   * Less than all: {@link onWritable} follows.
   *
   * @returns how many bytes were taken; 0 when the device has all buffers.
   * @throws {DriverError} if broken.
   */
  write(bytes: Uint8Array): number {
    return this.guarded(() => {
      let done = 0;
      this.reclaim();
      while (done < bytes.length) {
        const buffer = this.tx.free[this.tx.free.length - 1];
        if (buffer === undefined) {
          // Asks to hear of room; if there is some already, no interrupt would come.
          if (this.tx.vq.enableNotifs() && this.reclaim()) continue;
          break;
        }
        const chunk = bytes.subarray(done, done + buffer.vec.capacity);
        buffer.vec.set(chunk);
        this.tx.dispatch(buffer);
        done += chunk.length;
      }
      return done;
    });
  }

  /**
   * Waits until the device has taken all that was written; gives up when it takes nothing for 200 ms of machine time, or
   * the driver breaks. Says whether all was taken.
   */
  flush(): boolean {
    if (this.broken !== undefined) return false;
    let time = this.platform.now();
    let giveUp = time + FLUSH_PATIENCE;
    for (let standing = 0; standing < FLUSH_LOOKS && time <= giveUp; standing++) {
      try {
        if (this.reclaim()) giveUp = time + FLUSH_PATIENCE;
      } catch (error) {
        this.fail(error);
        return false;
      }
      if (this.tx.inFlight === 0) return true;
      this.platform.relax();
      const now = this.platform.now();
      if (now !== time) standing = 0;
      time = now;
    }
    this.log.warn(`${this.caps.comCfg.deviceName}: ${this.tx.inFlight} buffers were not sent`);
    return false;
  }

  /** The terminal's size in characters and lines; undefined if the device does not say. */
  size(): { cols: number; rows: number } | undefined {
    const { devCfg } = this.caps;
    if (!this.hasSize || devCfg === undefined) return undefined;
    return devCfg.consistent((cfg) => ({
      cols: cfg.readU16(ConsoleConfig.COLS),
      rows: cfg.readU16(ConsoleConfig.ROWS),
    }));
  }

  /** Stops the device and frees all its memory. What was not sent is lost: {@link flush} first. */
  shutdown(): void {
    this.broken ??= new DriverError("Io", `${this.caps.comCfg.deviceName}: was shut down`);
    this.caps.comCfg.resetDev();
    this.current = undefined;
    this.rx.release();
    this.tx.release();
  }

  private unread(): number {
    return this.current === undefined ? 0 : this.current.written - this.position;
  }
  /** Gives the packet that is read up back to the device and takes the next. */
  private nextPacket(): boolean {
    this.current = undefined;
    this.position = 0;
    this.rx.dispatchAll();
    this.current = this.rx.take();
    // Drained: ask for the next interrupt, unless something came meanwhile.
    if (this.current === undefined && this.rx.vq.enableNotifs()) this.current = this.rx.take();
    return this.current !== undefined;
  }
  private reclaim(): boolean {
    let any = false;
    while (this.tx.take() !== undefined) any = true;
    return any;
  }
  private onReceived(): void {
    // An interrupt may come before the queues exist: from a device without manners.
    if (this.rx !== undefined && this.readReady()) this.onInput?.();
  }
  private onTransmitted(): void {
    if (this.broken !== undefined || this.tx === undefined) return;
    try {
      if (!this.reclaim()) return;
      this.tx.vq.disableNotifs();
    } catch (error) {
      this.fail(error);
      return;
    }
    this.onWritable?.();
  }
  /** The configuration changed, or the device gave up (virtio 1.4, 2.1.2). */
  private onConfig(): void {
    if (this.broken !== undefined) return;
    try {
      if (this.caps.comCfg.doesDeviceNeedReset()) {
        throw new VirtioError("NeedsReset", `${this.caps.comCfg.deviceName}: needs a reset`);
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    try {
      const size = this.size();
      if (size !== undefined) this.onResize?.(size.cols, size.rows);
    } catch (error) {
      // A size that does not stand still is no reason to give the console up.
      if (!(error instanceof VirtioError)) throw error;
      this.log.warn(error.message);
    }
  }
  /** Runs `work`; an error of queue or device marks the driver broken. */
  private guarded<T>(work: () => T): T {
    if (this.broken !== undefined) throw this.broken;
    try {
      return work();
    } catch (error) {
      throw this.fail(error);
    }
  }
  private fail(error: unknown): DriverError {
    if (!(error instanceof VirtqError || error instanceof VirtioError)) throw error;
    this.broken = new DriverError("Io", error.message, { cause: error });
    this.log.error(`The console is out of order: ${error.message}`);
    return this.broken;
  }
}
