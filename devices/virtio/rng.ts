import type { MachineContext } from "../bus.ts";
import { VirtioId } from "../../spec/virtio/ids.ts";
import { DeviceStatus } from "../../spec/virtio/status.ts";
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
  declare private readonly buffer: Uint8Array;

  constructor(ctx: MachineContext, name: string, private readonly options: RngOptions) {
    super(ctx, name, VirtioId.Rng, options.hostFeatures, new Uint8Array(0));
    this.quota = options.maxBytes;
    this.buffer = new Uint8Array(CHUNK);
    this.addQueue(QUEUE_SIZE);
  }

  protected override onNotify(_index: number): void {
    const ring = this.ring(QUEUE);
    if (ring === undefined || !this.driverOk) return;
    this.startPeriod();
    const quota = this.quota > 0xffff_ffffn ? 0xffff_ffff : Number(this.quota);
    let left = Math.min(quota, MAX_REQUEST, ring.availBytes(quota, 0).in);
    if (left === 0) return;
    this.quota -= BigInt(left);
    while (left > 0) {
      const chain = ring.pop();
      if (chain === undefined) break;
      let done = 0;
      const want = Math.min(left, chain.writableLength);
      while (done < want) {
        const part = this.buffer.subarray(0, Math.min(CHUNK, want - done));
        this.ctx.random.fill(part);
        chain.writeFrom(part, done);
        done += part.length;
      }
      left -= done;
      ring.push(chain, done);
    }
    this.notifyDriver(QUEUE);
    if (ring.hasAvail()) this.schedule(QUEUE);
  }

  /** QEMU looks for buffers at every status write. */
  protected override onStatus(status: number): void {
    if (status & DeviceStatus.DRIVER_OK) this.schedule(QUEUE);
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
