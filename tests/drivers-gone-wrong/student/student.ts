import { F, featuresFromWords, featureWord, unmetRequirements } from "../../../spec/virtio/features.ts";
import { DeviceStatus as S, IsrBits } from "../../../spec/virtio/status.ts";
import type { DeviceBuffer } from "../../../mm/device_alloc.ts";
import { DriverError, type Ground } from "./ground.ts";
import { PackedRing } from "./packed.ts";
import type { Piece, Ring, Used } from "./ring.ts";
import { SplitRing } from "./split.ts";
import type { Transport } from "./transport.ts";

/** Waits before the driver gives up on the device. */
const PATIENCE = 5000;

/**
 * A driver as a student writes it from the specification, step by step (virtio 1.4, 3.1.1). Each step is a method: a
 * mistake is one of them gone wrong. It knows nothing of the shipped drivers.
 */
export abstract class Student {
  /** Virtio device id. */
  abstract readonly deviceId: number;
  /** What the driver can use, if the device has it. */
  wants: bigint = F.VERSION_1 | F.RING_RESET;
  accepted = 0n;
  /** Status bits that were written. */
  written = 0;
  readonly rings: Ring[] = [];
  /** Entries that are enough for this driver; a power of two. */
  queueSize = 16;
  /** Interrupts that came, and those among them that tell of the configuration. */
  interruptsSeen = 0;
  configChanges = 0;
  /** The device asked for a reset. */
  broken = false;
  private readonly buffers = new Set<DeviceBuffer>();

  constructor(readonly ground: Ground, readonly transport: Transport) {}

  /** The queues that the driver uses. */
  abstract queues(): readonly number[];
  /** What the driver is for. Throws if anything is not as it should be. */
  abstract work(): void;

  run(): void {
    this.bringUp();
    this.work();
    this.shutDown();
  }

  /** The initialisation in its order. */
  bringUp(): void {
    this.discover();
    this.reset();
    this.acknowledge();
    this.negotiate();
    this.confirmFeatures();
    this.readConfig();
    this.openInterrupts();
    this.setUpQueues();
    this.driverOk();
    this.startQueues();
  }

  discover(): void {
    this.transport.find(this.deviceId);
  }
  reset(): void {
    this.transport.setStatus(0);
    this.written = 0;
    this.waitForReset();
  }
  waitForReset(): void {
    for (let tries = 0; this.transport.status() !== 0; tries++) {
      if (tries > PATIENCE) throw new DriverError("the device does not finish its reset");
      this.ground.platform.relax();
    }
  }
  acknowledge(): void {
    this.addStatus(S.ACKNOWLEDGE);
    this.addStatus(S.DRIVER);
  }
  addStatus(bit: number): void {
    this.written |= bit;
    this.transport.setStatus(this.written);
  }

  negotiate(): void {
    const offered = this.readOffered();
    this.accepted = this.choose(offered);
    this.writeAccepted(this.accepted);
  }
  readOffered(): bigint {
    return featuresFromWords([this.transport.offered(0), this.transport.offered(1)]);
  }
  choose(offered: bigint): bigint {
    if ((offered & F.VERSION_1) === 0n) throw new DriverError("the device has the legacy interface only");
    const chosen = offered & this.wants;
    const unmet = unmetRequirements(chosen, this.deviceId);
    if (unmet.length > 0) throw new DriverError(unmet.join(", "));
    return chosen;
  }
  writeAccepted(features: bigint): void {
    this.transport.accept(0, featureWord(features, 0));
    this.transport.accept(1, featureWord(features, 1));
  }
  confirmFeatures(): void {
    this.addStatus(S.FEATURES_OK);
    if ((this.transport.status() & S.FEATURES_OK) === 0) {
      this.addStatus(S.FAILED);
      throw new DriverError("the device refuses the features");
    }
  }
  has(feature: bigint): boolean {
    return (this.accepted & feature) !== 0n;
  }

  readConfig(): void {}
  /** Reads fields of the configuration until none changed in between (virtio 1.4, 2.5.1). */
  consistent<T>(read: () => T): T {
    for (let tries = 0; tries < 100; tries++) {
      const before = this.transport.generation();
      const value = read();
      if (this.transport.generation() === before) return value;
    }
    throw new DriverError("the configuration never stands still");
  }

  get interruptsWanted(): boolean {
    return this.transport.interruptKind !== "none";
  }
  openInterrupts(): void {
    this.transport.openInterrupts(this.queues().length, (isr) => this.onInterrupt(isr));
  }
  onInterrupt(isr: number): void {
    this.interruptsSeen++;
    if (isr & IsrBits.CONFIG) this.onConfigChange();
  }
  /** The device says that something changed: its configuration, or that it can go on no longer (virtio 1.4, 2.1.2). */
  onConfigChange(): void {
    this.configChanges++;
    if (this.transport.status() & S.DEVICE_NEEDS_RESET) this.broken = true;
  }

  setUpQueues(): void {
    for (const queue of this.queues()) this.setUpQueue(queue);
  }
  setUpQueue(queue: number): void {
    const { transport } = this;
    transport.select(queue);
    const max = transport.queueMax();
    if (max === 0) throw new DriverError(`the device has no queue ${queue}`);
    const ring = this.makeRing(queue, this.sizeOf(max));
    this.rings[queue] = ring;
    ring.allocate();
    this.configureQueue(ring);
    transport.enableQueue();
  }
  sizeOf(max: number): number {
    return Math.min(max, this.queueSize);
  }
  makeRing(queue: number, size: number): Ring {
    const ring = this.has(F.RING_PACKED)
      ? new PackedRing(this, queue, size)
      : new SplitRing(this, queue, size);
    this.onRing(ring);
    return ring;
  }
  /** For those who change a ring before it is used. */
  onRing(_ring: Ring): void {}
  /** Size, addresses, vector of the selected queue. */
  configureQueue(ring: Ring): void {
    const { transport } = this;
    transport.setSize(ring.size);
    transport.setAddresses(ring.areas());
    transport.assignVector(ring.queue);
    transport.learnNotify(ring.queue);
  }
  driverOk(): void {
    this.addStatus(S.DRIVER_OK);
  }
  /** Buffers that the device shall have from the start. */
  startQueues(): void {}

  /** RING_RESET: takes a queue from the device, and sets it up again with empty rings (virtio 1.4, 2.6.1). */
  restartQueue(queue: number): void {
    const { transport } = this;
    transport.select(queue);
    transport.resetQueue();
    for (const { pieces } of this.rings[queue].flights.values()) this.freePieces(pieces);
    this.rings[queue].release();
    this.setUpQueue(queue);
  }

  allocate(length: number, what: string): DeviceBuffer {
    const buffer = this.ground.alloc.allocate(length, `student ${what}`);
    this.buffers.add(buffer);
    return buffer;
  }
  freeBuffer(buffer: DeviceBuffer): void {
    this.buffers.delete(buffer);
    buffer.free();
  }
  freePieces(pieces: readonly Piece[]): void {
    for (const buffer of new Set(pieces.map((p) => p.buffer))) this.freeBuffer(buffer);
  }

  /** Waits for a chain of this ring, and takes it. */
  nextUsed(ring: Ring): Used {
    this.waitFor(() => ring.hasUsed(), `queue ${ring.queue} gives nothing back`);
    return ring.take();
  }
  waitFor(done: () => boolean, otherwise: string): void {
    for (let tries = 0; !done(); tries++) {
      if (this.broken) throw new DriverError("the device needs a reset");
      if (tries > PATIENCE) throw new DriverError(otherwise);
      this.pause();
    }
  }
  /** Until the next interrupt; without interrupts, a little. */
  pause(): void {
    if (this.interruptsWanted) this.ground.halt();
    else this.ground.platform.relax();
    this.ground.interrupts.poll();
  }

  /** The device is reset before its memory goes (virtio 1.4, 3.3.1). */
  shutDown(): void {
    this.reset();
    this.transport.close();
    this.releaseMemory();
  }
  releaseMemory(): void {
    for (const ring of this.rings) ring?.release();
    for (const buffer of [...this.buffers]) this.freeBuffer(buffer);
  }
}
