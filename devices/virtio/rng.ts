import type { MachineContext } from "../bus.ts";
import { VirtioId } from "../../spec/virtio/ids.ts";
import { VirtioDevice } from "./device.ts";

const QUEUE = 0;
const QUEUE_SIZE = 8;
/** Bytes filled at a time: a standing buffer, however much a driver asks for. */
const CHUNK = 4096;
/** Most bytes of one request, so that a hostile driver cannot keep the host busy for minutes. QEMU: 4 GiB. */
const MAX_REQUEST = 16 << 20;
const NS_PER_MS = 1e6;

/** Properties of an entropy device, parsed. */
export interface RngOptions {
  readonly hostFeatures: bigint;
  /** Bytes given out in one period (`max-bytes`), below 2^63. */
  readonly maxBytes: bigint;
  /** Length of a period in milliseconds (`period`). */
  readonly periodMs: number;
}

/**
 * The entropy device (virtio 1.4, 5.4), as QEMU's virtio-rng with the rng-builtin back end.
 *
 *     -device virtio-rng-pci        (microvm: -device virtio-rng-device)
 *
 * The machine's seeded generator fills every buffer, so a run can be repeated. A request takes what the waiting buffers
 * can hold, cut off at what the quota leaves: a chain that is only partly covered comes back shorter, and with nothing
 * to write the device does not touch the ring at all (QEMU's virtio_rng_process).
 */
export class VirtioRng extends VirtioDevice {
  private quota: bigint;
  private periodEnds: (() => void) | undefined;
  /** How often the device was reset: what was asked before is not answered. */
  private resets = 0;
  declare private readonly buffer: Uint8Array;

  constructor(ctx: MachineContext, name: string, private readonly options: RngOptions) {
    super(ctx, name, VirtioId.Rng, options.hostFeatures, new Uint8Array(0));
    this.quota = options.maxBytes;
    this.buffer = new Uint8Array(CHUNK);
    this.addQueue(QUEUE_SIZE);
  }

  protected override onNotify(_index: number): void {
    this.ask(this.request());
  }
  /** QEMU looks for buffers at every status write, with the new status; bytes come as always after the latency. */
  protected override onStatus(status: number): void {
    this.status = status;
    const size = this.request();
    if (size > 0) this.later(this.ctx.latency, () => this.ask(size));
  }
  protected override onReset(): void {
    this.resets++;
  }

  /** Asks the back end, which answers when everyone has asked: each request has its answer, though the first may do. */
  private ask(size: number): void {
    if (size > 0) this.later(0, () => this.answer(size));
  }
  private later(delay: number, run: () => void): void {
    const { resets } = this;
    this.ctx.events.schedule(delay, () => {
      if (resets === this.resets) run();
    });
  }
  /** How many bytes the back end is asked for: what the waiting buffers take, cut off at the quota. */
  private request(): number {
    if (!this.guestReady) return 0;
    this.startPeriod();
    // Below 0 if two were asked for before one was answered.
    const quota = this.quota > 0xffff_ffffn ? 0xffff_ffff : Math.max(0, Number(this.quota));
    return Math.min(quota, MAX_REQUEST, this.availBytes(QUEUE, quota, 0).in);
  }
  /** The back end gives `size` bytes. The driver is told even if the buffers have gone in the meantime. */
  private answer(size: number): void {
    if (!this.guestReady) return;
    this.quota -= BigInt(size);
    let any = false;
    for (let left = size; left > 0;) {
      const chain = this.pop(QUEUE);
      if (chain === undefined) break;
      any = true;
      const want = Math.min(left, chain.writableLength);
      for (let done = 0; done < want;) {
        const part = this.buffer.subarray(0, Math.min(CHUNK, want - done));
        this.ctx.random.fill(part);
        chain.writeFrom(part, done);
        done += part.length;
      }
      left -= want;
      this.push(QUEUE, chain, want);
    }
    this.notifyDriver(QUEUE);
    // Where nothing can be taken, looking again would not help; QEMU 7.2 does so for ever, on a packed ring.
    if (any && !this.isEmpty(QUEUE)) this.ask(this.request());
  }
  private get guestReady(): boolean {
    return this.driverOk && this.ready(QUEUE);
  }

  private startPeriod(): void {
    // Only a quota that can run out needs a clock: QEMU's default of 2^63 - 1 bytes in 65 s never does.
    if (this.periodEnds !== undefined || this.options.maxBytes > 2n ** 62n) return;
    this.periodEnds = this.ctx.events.schedule(this.options.periodMs * NS_PER_MS, () => {
      this.quota = this.options.maxBytes;
      // The next period starts with the next request, not with this one (QEMU's check_rate_limit): a quota that gives
      // nothing must not keep the clock running by itself.
      this.guard(() => this.onNotify(QUEUE));
      this.periodEnds = undefined;
    });
  }
}
