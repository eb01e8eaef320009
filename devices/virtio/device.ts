import type { MachineContext } from "../bus.ts";
import { F } from "../../spec/virtio/features.ts";
import { NO_VECTOR } from "../../spec/virtio/pci.ts";
import { DeviceStatus, IsrBits } from "../../spec/virtio/status.ts";
import {
  type AvailBytes,
  type Chain,
  createDeviceQueue,
  type DeviceQueue,
  type DeviceQueueConfig,
  DeviceQueueError,
  mapRing,
  type RingAreas,
  type RingState,
} from "./queue.ts";
import { hexOf } from "./queue_base.ts";

/** QEMU's limits: queue numbers below this can be selected, and no queue is larger. */
export const MAX_QUEUES = 1024;
/** Largest size of a queue (QEMU's VIRTQUEUE_MAX_SIZE). */
export const MAX_QUEUE_SIZE = 1024;
/** Features only the legacy interface shows (QEMU's VIRTIO_LEGACY_FEATURES): 24, 27 and 30 (BAD_FEATURE). */
const LEGACY_FEATURES = F.NOTIFY_ON_EMPTY | F.ANY_LAYOUT | (1n << 30n);

/** How a device reaches its driver: the PCI or MMIO front end. */
export interface VirtioFrontEnd {
  /** ISR may have changed; a message-signalled front end sends `vector` (NO_VECTOR: none). */
  interrupt(vector: number): void;
}

/**
 * A queue as the device keeps it. Written by the front end; the ring object lives while it is enabled, and its state goes
 * on in the next one until the queue is reset.
 */
export interface QueueState {
  readonly index: number;
  readonly defaultSize: number;
  size: number;
  /** Guest-physical addresses; `desc` 0 means not set up. */
  desc: number;
  driver: number;
  device: number;
  vector: number;
  /** Where the areas were found when the queue was enabled. */
  areas: RingAreas | undefined;
  ring: DeviceQueue | undefined;
  /** Where the queue stood when its last ring object went. */
  state: RingState | undefined;
  /** Takes back what is scheduled for this queue. */
  cancel: (() => void) | undefined;
}

/**
 * A virtio device without a transport: status, features, queues, configuration, interrupts, in the manner of QEMU
 * 7.2's `hw/virtio/virtio.c`: lax where QEMU is lax. A model says what happens on a notification; it acts after the
 * machine's latency, never inside a register access.
 */
export abstract class VirtioDevice {
  /** What the driver accepted, cut down to what was offered. */
  guestFeatures = 0n;
  status = 0;
  isr = 0;
  /** Grows with each change of the configuration; never reset. */
  generation = 0;
  configVector: number = NO_VECTOR;
  /** Selected by the driver; may name a queue that does not exist. */
  queueSelect = 0;
  /** The driver broke a ring: nothing more happens until reset. */
  broken = false;
  /** No bus master: nothing may be popped. */
  disabled = false;
  readonly queues: QueueState[] = [];
  /** Features that the modern interface hides. */
  legacyFeatures: bigint = LEGACY_FEATURES;
  /** What a legacy driver means that accepts bit 30, and with it all there is (QEMU's `bad_features`). */
  badFeatures = 0n;
  frontEnd: VirtioFrontEnd | undefined;
  /** DRIVER_OK was written, and nothing since that takes it back: notifications arrive by themselves (QEMU's ioeventfd). */
  protected listening = false;

  /**
   * @param name For traces and messages: `virtio-rng-pci.0`.
   * @param id Device type (virtio 1.4, 5).
   * @param config The device configuration; what lies beyond reads as ones.
   */
  constructor(
    readonly ctx: MachineContext,
    readonly name: string,
    readonly id: number,
    public hostFeatures: bigint,
    readonly config: Uint8Array,
  ) {}

  /** A notification of queue `index` is due, or buffers may be there for another reason. */
  protected abstract onNotify(index: number): void;
  /** The driver writes `status` (0 on reset); `this.status` still has the old value. */
  protected onStatus(_status: number): void {}
  /** The driver writes its features (0 on reset), cut down to what is offered; `guestFeatures` still has the old ones. */
  protected onFeatures(_features: bigint): void {}
  /** The device was reset; its queues are about to be. */
  protected onReset(): void {}
  /** The driver wrote to the configuration; `config` has the new bytes. */
  protected onConfigWrite(_offset: number, _width: number): void {}

  /** Adds a queue, in order. */
  protected addQueue(size: number): void {
    this.queues.push({
      index: this.queues.length,
      defaultSize: size,
      size,
      desc: 0,
      driver: 0,
      device: 0,
      vector: NO_VECTOR,
      areas: undefined,
      ring: undefined,
      state: undefined,
      cancel: undefined,
    });
  }
  negotiated(feature: bigint): boolean {
    return (this.guestFeatures & feature) !== 0n;
  }
  get driverOk(): boolean {
    return (this.status & DeviceStatus.DRIVER_OK) !== 0;
  }

  // What front ends call.

  /** The driver writes its features. Ignored once FEATURES_OK is set; unknown bits are dropped without a word. */
  setFeatures(features: bigint): void {
    if (this.status & DeviceStatus.FEATURES_OK) return;
    const accepted = features & this.hostFeatures;
    this.onFeatures(accepted);
    const changed = accepted !== this.guestFeatures;
    this.guestFeatures = accepted;
    // EVENT_IDX changes how long the areas are: QEMU looks for them again.
    if (this.negotiated(F.EVENT_IDX)) this.findRings();
    else if (changed) { for (const q of this.queues) this.buildRing(q); }
  }
  /** Looks for the areas of all queues again: the features, or what devices see of memory, may have changed. */
  findRings(): void {
    for (const q of this.queues) this.findRing(q);
  }
  /**
   * The driver writes the status register on PCI, where queues have notifiers of their own; the front end resets the
   * device if it is 0 then.
   */
  writeStatus(status: number): void {
    const ok = (status & DeviceStatus.DRIVER_OK) !== 0;
    if (!ok) this.listening = false;
    this.setStatus(status);
    if (!ok || this.listening) return;
    this.listening = true;
    // QEMU kicks every queue as it starts to listen: buffers may have been there before. (On MMIO it does with KVM only.)
    // Its main loop comes to the last one first.
    for (let i = this.queues.length - 1; i >= 0; i--) if (this.queues[i].desc !== 0) this.schedule(i);
  }
  /** Bus mastering went off: nothing may be popped, and the device stops. On again, it waits for the driver. */
  setBusMaster(on: boolean): void {
    this.disabled = !on;
    if (on) return;
    this.listening = false;
    this.setStatus(this.status & ~DeviceStatus.DRIVER_OK);
  }
  /** The driver writes the status: any bits, also fewer. 0 does not reset; the front end does. */
  setStatus(status: number): void {
    this.traceQemu("virtio_set_status", `vdev ${this.name} val ${status}`);
    const turnsOk = (status & ~this.status & DeviceStatus.FEATURES_OK) !== 0;
    if (turnsOk && this.negotiated(F.VERSION_1)) {
      // A device that must go through an IOMMU refuses drivers that would not (QEMU's virtio_validate_features).
      if ((this.hostFeatures & F.ACCESS_PLATFORM) !== 0n && !this.negotiated(F.ACCESS_PLATFORM)) return;
    }
    this.onStatus(status);
    this.status = status;
  }
  /** Device reset (virtio 1.4, 2.4): everything but hostFeatures, generation and what the model keeps. */
  reset(): void {
    this.listening = false;
    this.setStatus(0);
    this.onReset();
    this.onFeatures(0n);
    this.broken = false;
    this.disabled = false;
    this.guestFeatures = 0n;
    this.queueSelect = 0;
    this.isr = 0;
    this.configVector = NO_VECTOR;
    this.frontEnd?.interrupt(NO_VECTOR);
    for (const q of this.queues) this.resetQueue(q.index);
  }
  /** Takes one queue back to its start (virtio 1.4, 2.6.1); what it had in flight is forgotten. */
  resetQueue(index: number): void {
    const q = this.queues[index];
    if (q === undefined) return;
    q.cancel?.();
    q.cancel = undefined;
    q.areas = q.ring = q.state = undefined;
    q.size = q.defaultSize;
    q.desc = q.driver = q.device = 0;
    q.vector = NO_VECTOR;
    this.onQueueReset(index);
  }
  /** A queue was reset, alone or with the device. */
  protected onQueueReset(_index: number): void {}

  /** Any size from 1 to 1024; others, and queues that do not exist, are left alone. */
  setQueueSize(index: number, size: number): void {
    const q = this.queues[index];
    if (q === undefined || size < 1 || size > MAX_QUEUE_SIZE) return;
    q.size = size;
    this.buildRing(q);
  }
  /** The driver enables a queue whose areas lie at these guest-physical addresses. */
  enableQueue(index: number, desc: number, driver: number, device: number): void {
    const q = this.queues[index];
    if (q === undefined) return;
    q.desc = desc;
    q.driver = driver;
    q.device = device;
    this.findRing(q);
  }
  /** The driver kicks a queue; the model acts after the machine's latency. */
  notifyQueue(index: number): void {
    const q = this.queues[index];
    if (q === undefined || q.desc === 0 || this.broken) return;
    this.traceQemu("virtio_queue_notify", `vdev ${this.name} n ${index} vq ${hexOf(q.desc)}`);
    this.schedule(index);
  }

  /** Reads the configuration: ones where the access does not fit into it, as QEMU does. */
  configRead(offset: number, width: number): number {
    if (offset + width > this.config.length) return 2 ** (8 * width) - 1;
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.config[offset + i];
    return value;
  }
  /** Writes the configuration; the model decides what stays. */
  configWrite(offset: number, width: number, value: number): void {
    if (offset + width > this.config.length) return;
    for (let i = 0; i < width; i++) this.config[offset + i] = value >>> (8 * i);
    this.onConfigWrite(offset, width);
  }

  // What models call.

  /** The queue's ring if the driver has set it up and nothing forbids its use. */
  protected ring(index: number): DeviceQueue | undefined {
    return this.broken || this.disabled ? undefined : this.queues[index]?.ring;
  }
  /** Whether the driver has named an available ring; QEMU asks no more than this (virtio_queue_ready). */
  protected ready(index: number): boolean {
    return (this.queues[index]?.driver ?? 0) !== 0;
  }
  /** The next chain, or undefined: none, forbidden, or the ring is broken and the device needs a reset. */
  protected pop(index: number): Chain | undefined {
    const ring = this.ring(index);
    if (ring === undefined) return undefined;
    try {
      return ring.pop();
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }
  /** Gives a chain back; without a used entry if the device broke, or may not touch memory, since it was popped. */
  protected push(index: number, chain: Chain, written: number): void {
    const ring = this.queues[index].ring!;
    if (this.broken || this.disabled) ring.discard(chain);
    else ring.push(chain, written);
  }
  /** Bytes that wait in a queue, up to limits; none if its ring is broken. A device that is broken looks all the same. */
  protected availBytes(index: number, maxIn: number, maxOut: number): AvailBytes {
    try {
      return this.queues[index]?.ring?.availBytes(maxIn, maxOut) ?? { in: 0, out: 0 };
    } catch (error) {
      this.fault(error);
      return { in: 0, out: 0 };
    }
  }
  /** Whether nothing waits, or nothing may be taken; of a packed ring QEMU asks only the former. */
  protected isEmpty(index: number): boolean {
    const ring = this.negotiated(F.RING_PACKED) ? this.queues[index]?.ring : this.ring(index);
    return !(ring?.hasAvail() ?? false);
  }
  /** Runs `onNotify` of a queue after the latency; once, however often it is asked. */
  protected schedule(index: number): void {
    const q = this.queues[index];
    if (q === undefined || q.cancel !== undefined) return;
    q.cancel = this.ctx.events.schedule(this.ctx.latency, () => {
      q.cancel = undefined;
      if (q.desc === 0 || this.broken) return;
      this.guard(() => this.onNotify(index));
    });
  }
  /** Runs something that touches rings: a ring that the driver broke ends in NEEDS_RESET instead of an exception. */
  protected guard<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }
  private fault(error: unknown): void {
    if (!(error instanceof DeviceQueueError)) throw error;
    this.needsReset(error.message);
  }
  /** Tells the driver that buffers were used, if it wants to know (QEMU's virtio_notify). */
  protected notifyDriver(index: number): void {
    const q = this.queues[index];
    if (q?.ring === undefined) return;
    const ranEmpty = this.negotiated(F.NOTIFY_ON_EMPTY) && !this.negotiated(F.RING_PACKED) && q.ring.idle &&
      this.isEmpty(index);
    if (!ranEmpty && !q.ring.shouldInterrupt()) return;
    this.traceQemu("virtio_notify", `vdev ${this.name} vq ${hexOf(q.desc)}`);
    this.isr |= IsrBits.QUEUE;
    this.frontEnd?.interrupt(q.vector);
  }
  /** The configuration changed: a new generation, both ISR bits (as QEMU), the config interrupt. */
  notifyConfig(): void {
    if (!this.driverOk) return;
    this.traceQemu("virtio_notify_config", `vdev ${this.name}`);
    this.isr |= IsrBits.QUEUE | IsrBits.CONFIG;
    this.generation = (this.generation + 1) >>> 0;
    this.frontEnd?.interrupt(this.configVector);
  }
  /** The device cannot go on (virtio 1.4, 2.1.2): says so and does nothing more until reset. */
  needsReset(why: string): void {
    this.traceQemu("virtio_error", `vdev ${this.name} ${why}`);
    if (this.negotiated(F.VERSION_1)) {
      this.status |= DeviceStatus.DEVICE_NEEDS_RESET;
      this.notifyConfig();
    }
    this.broken = true;
  }
  /** One of QEMU's trace events, in its words. */
  protected traceQemu(name: string, text: string): void {
    if (this.ctx.trace.on) this.ctx.trace.emit({ ev: "qemu", name, text });
  }

  /** Looks for a queue's areas in memory. Where they cannot be, the device needs a reset. */
  private findRing(q: QueueState): void {
    q.areas = undefined;
    if (q.desc !== 0) {
      this.guard(() => {
        q.areas = mapRing(this.ctx.memory, this.ringConfig(q));
      });
    }
    this.buildRing(q);
  }
  /** A ring object for the areas, size and features there are now, which goes on where the last one stood. */
  private buildRing(q: QueueState): void {
    q.state = q.ring?.state() ?? q.state;
    q.ring = q.areas === undefined
      ? undefined
      : createDeviceQueue(this.ctx.memory, { ...this.ringConfig(q), areas: q.areas, state: q.state });
  }
  private ringConfig(q: QueueState): DeviceQueueConfig {
    return {
      size: q.size,
      desc: q.desc,
      driver: q.driver,
      device: q.device,
      packed: this.negotiated(F.RING_PACKED),
      eventIdx: this.negotiated(F.EVENT_IDX),
      indirect: this.negotiated(F.INDIRECT_DESC),
      inOrder: this.negotiated(F.IN_ORDER),
      name: `${this.name} queue ${q.index}`,
    };
  }
}
