/** The driver of the network device (virtio 1.4, 5.1). QEMU: `-netdev user,id=n0 -device virtio-net-pci,netdev=n0`. */
import { NetF } from "../../spec/virtio/features.ts";
import { VirtioId } from "../../spec/virtio/ids.ts";
import {
  NetCtrl,
  NetCtrlAnnounce,
  NetCtrlMac,
  NetCtrlMq,
  NetCtrlRx,
  NetStatus,
  receiveQueue,
  transmitQueue,
  VLAN_TAG,
  VLAN_TYPES,
} from "../../spec/virtio/net.ts";
import { type DriverContext, type Log, queueEnv } from "../context.ts";
import { DriverError, VirtioError, VirtqError } from "../virtio/error.ts";
import {
  describeDevice,
  type DriverFeatures,
  initCaps,
  requiredFeatures,
  ringFeatures,
  type VirtioDeviceInfo,
} from "../virtio/features.ts";
import type { UniCapsColl } from "../virtio/transport/mod.ts";
import { createVirtq, type Virtq } from "../virtio/virtqueue/mod.ts";
import { type NetSetting, readSetting, readStatus } from "./config.ts";
import { ControlQueue } from "./control.ts";
import { flowHash } from "../../spec/virtio/flow.ts";
import type { NetDevice, PartialChecksum, ReceivedFrame } from "./mod.ts";
import { ReceiveQueue } from "./receive.ts";
import { TransmitQueue } from "./transmit.ts";

/** Descriptors of a queue at most: QEMU's own numbers. Each may cost a page. */
const QUEUE_SIZE = 256, CONTROL_QUEUE_SIZE = 64;
/** Pairs that are used however many there are. */
const MOST_PAIRS = 8;

/** Features beyond the rings' that are taken where they are offered. */
const WANTED = NetF.MAC | NetF.STATUS | NetF.MTU | NetF.MRG_RXBUF | NetF.CSUM | NetF.GUEST_CSUM |
  NetF.GUEST_TSO4 | NetF.GUEST_TSO6 | NetF.CTRL_VQ | NetF.CTRL_RX | NetF.CTRL_MAC_ADDR | NetF.GUEST_ANNOUNCE |
  NetF.MQ;

/** A virtio network card. Nothing waits but commands to the control queue. */
export class VirtioNetDriver implements NetDevice {
  readonly name: string;
  readonly fillsChecksums: boolean;
  /** As soon as `initDev` returned. */
  device!: VirtioDeviceInfo;
  onReceive: (() => void) | undefined;
  onWritable: (() => void) | undefined;
  onLinkChange: (() => void) | undefined;
  broken: DriverError | undefined;

  private readonly log: Log;
  declare private readonly setting: NetSetting;
  private address: Uint8Array;
  private up: boolean;
  /** Pairs in use. */
  private pairs = 1;
  declare private readonly rx: ReceiveQueue[];
  declare private readonly tx: TransmitQueue[];
  private control: ControlQueue | undefined;
  /** Interrupts of the receive queues are asked for. */
  private armed = true;
  /** The receive queue that comes next. */
  private turn = 0;

  private constructor(private readonly caps: UniCapsColl, readonly features: bigint, ctx: DriverContext) {
    this.name = caps.comCfg.deviceName;
    this.log = ctx.log;
    this.fillsChecksums = this.has(NetF.CSUM);
    this.setting = readSetting(caps, features, ctx);
    this.address = this.setting.mac;
    this.up = (readStatus(caps, features) & NetStatus.LINK_UP) !== 0;
    this.rx = [];
    this.tx = [];
  }

  /** Starts the device. @throws {VirtioError} see `initCaps`. */
  static initDev(caps: UniCapsColl, ctx: DriverContext): VirtioNetDriver {
    const driver: DriverFeatures = {
      name: "virtio-net",
      virtioId: VirtioId.Net,
      minimal: requiredFeatures(ctx),
      optional: ringFeatures(ctx) | WANTED,
    };
    const { result: net, features } = initCaps(caps, driver, ctx.log, (features) => {
      const made = new VirtioNetDriver(caps, features, ctx);
      made.setUp(ctx);
      return made;
    });
    net.device = describeDevice(driver, caps.location, features, caps.comCfg, () => net.queues());
    // Only now: the device must not be notified before DRIVER_OK (virtio 1.4, 3.1.1).
    try {
      net.start();
    } catch (error) {
      net.shutdown();
      if (!(error instanceof VirtqError)) throw error;
      throw new VirtioError("Virtq", `${net.name}: ${error.message}`, { cause: error });
    }
    ctx.log.info("virtio-net device has been initialized by driver!");
    return net;
  }

  get mac(): Uint8Array {
    return this.address;
  }
  get mtu(): number {
    return this.setting.mtu;
  }
  /** Frames that were dropped because the device spoiled them. */
  get dropped(): number {
    return this.rx.reduce((n, q) => n + q.dropped, 0);
  }
  linkUp(): boolean {
    return this.up;
  }

  transmit(frame: Uint8Array, checksum?: PartialChecksum): boolean {
    if (this.broken !== undefined) throw this.broken;
    if (frame.length > this.longest(frame) || frame.length === 0) throw this.badFrame(frame);
    if (checksum !== undefined && !this.fillsChecksums) throw this.noChecksums();
    try {
      const pair = this.pairs === 1 ? 0 : flowHash(frame) % this.pairs;
      return this.tx[pair].send(frame, checksum);
    } catch (error) {
      throw this.fail(error);
    }
  }

  receive(): ReceivedFrame | undefined {
    if (this.broken !== undefined) return undefined;
    try {
      const frame = this.nextFrame();
      if (frame !== undefined || this.armed) return frame;
      // Drained: ask for the next interrupt, unless something came meanwhile.
      return this.arm() ? this.nextFrame() : undefined;
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /**
   * Gives the card another address (CTRL_MAC_ADDR).
   *
   * @param mac six bytes. @returns false if the device cannot do that.
   */
  setMac(mac: Uint8Array): boolean {
    if (!this.has(NetF.CTRL_MAC_ADDR) || !this.command(NetCtrl.MAC, NetCtrlMac.ADDR_SET, mac)) return false;
    this.address = Uint8Array.from(mac);
    return true;
  }
  /** Switches a receive mode (CTRL_RX): PROMISC or ALLMULTI. @returns false if the device cannot do that. */
  setReceiveMode(mode: number, on: boolean): boolean {
    return this.has(NetF.CTRL_RX) && this.command(NetCtrl.RX, mode, Uint8Array.of(on ? 1 : 0));
  }

  shutdown(): void {
    this.broken ??= new DriverError("Io", `${this.name}: was shut down`);
    this.caps.comCfg.resetDev();
    this.release();
  }

  private has(feature: bigint): boolean {
    return (this.features & feature) !== 0n;
  }
  private queues(): Virtq[] {
    const pairs = this.rx.flatMap((rx, i) => [rx.vq, this.tx[i].vq]);
    return this.control === undefined ? pairs : [...pairs, this.control.vq];
  }

  // Starting and stopping.

  private setUp(ctx: DriverContext): void {
    const { comCfg, interrupt } = this.caps;
    const count = Math.min(this.setting.maxPairs, MOST_PAIRS);
    // Vectors first: a queue is enabled with its vector set.
    interrupt.connect({
      name: "virtio-net",
      onConfig: () => this.onConfig(),
      queues: Array.from({ length: count }, (_, pair) => [
        { index: receiveQueue(pair), onUsed: () => this.onReceived() },
        { index: transmitQueue(pair), onUsed: () => this.onTransmitted(pair) },
      ]).flat(),
    });
    const env = queueEnv(ctx, comCfg.deviceName);
    const make = (index: number, size: number) =>
      createVirtq(comCfg, this.caps.notifCfg, size, index, this.features, env);
    const { alloc, log, platform } = ctx;
    const { bufferSize, buffers, frameSize, maxPairs } = this.setting;
    const options = {
      mergeable: this.has(NetF.MRG_RXBUF),
      checksums: this.has(NetF.GUEST_CSUM),
      bufferSize,
      buffers,
    };
    try {
      for (let pair = 0; pair < count; pair++) {
        const owner = (index: number) => `${comCfg.deviceName} queue ${index}`;
        const [r, t] = [receiveQueue(pair), transmitQueue(pair)];
        this.rx.push(new ReceiveQueue(make(r, QUEUE_SIZE), alloc, options, owner(r), log));
        this.tx.push(new TransmitQueue(make(t, QUEUE_SIZE), alloc, frameSize, QUEUE_SIZE, owner(t), log));
      }
      if (this.has(NetF.CTRL_VQ)) {
        const index = 2 * maxPairs;
        const owner = `${comCfg.deviceName} queue ${index}`;
        this.control = new ControlQueue(make(index, CONTROL_QUEUE_SIZE), alloc, platform, owner, log);
      }
    } catch (error) {
      // Not live yet (no DRIVER_OK): the device does not use the memory of the queues that there are.
      this.release();
      throw error;
    }
  }
  /** The device is live. */
  private start(): void {
    for (const rx of this.rx) rx.fill();
    // The device begins in promiscuous mode; nobody here wants frames for others.
    if (this.has(NetF.CTRL_RX)) this.setReceiveMode(NetCtrlRx.PROMISC, false);
    if (!this.setting.macGiven && this.has(NetF.CTRL_MAC_ADDR)) this.setMac(this.address);
    if (this.rx.length > 1) {
      const count = this.rx.length;
      if (this.command(NetCtrl.MQ, NetCtrlMq.VQ_PAIRS_SET, Uint8Array.of(count, 0))) this.pairs = count;
    }
    if ((readStatus(this.caps, this.features) & NetStatus.ANNOUNCE) !== 0) this.announce();
  }
  private release(): void {
    for (const queue of [...this.rx, ...this.tx]) queue.release();
    this.control?.release();
    this.rx.length = this.tx.length = 0;
    this.control = undefined;
  }
  private command(kind: number, command: number, data: Uint8Array): boolean {
    return this.control?.send(kind, command, data) ?? false;
  }

  // Receiving.

  /** The next frame of any queue; they take turns. */
  private nextFrame(): ReceivedFrame | undefined {
    const { rx } = this;
    for (let i = 0; i < rx.length; i++) {
      const frame = rx[this.turn].next();
      if (frame !== undefined) return frame;
      if (++this.turn === rx.length) this.turn = 0;
    }
    return undefined;
  }
  /** Asks for interrupts. Whether something is there for which none may come. */
  private arm(): boolean {
    this.armed = true;
    let any = false;
    for (const queue of this.rx) if (queue.vq.enableNotifs()) any = true;
    return any;
  }
  /** Interrupts are off until {@link receive} has found nothing. */
  private onReceived(): void {
    if (this.broken !== undefined || !this.rx.some((queue) => queue.vq.hasUsedBuffers())) return;
    for (const queue of this.rx) queue.vq.disableNotifs();
    this.armed = false;
    this.onReceive?.();
  }

  // Other interrupts.

  private onTransmitted(pair: number): void {
    if (this.broken !== undefined || this.tx[pair] === undefined) return;
    try {
      if (!this.tx[pair].reclaimed()) return;
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
        throw new VirtioError("NeedsReset", `${this.name}: needs a reset`);
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    const status = readStatus(this.caps, this.features);
    const up = (status & NetStatus.LINK_UP) !== 0;
    if (up !== this.up) {
      this.up = up;
      this.log.info(`${this.name}: the link is ${up ? "up" : "down"}`);
      this.onLinkChange?.();
    }
    if ((status & NetStatus.ANNOUNCE) !== 0) this.announce();
  }
  /** The network shall learn where this card is now (virtio 1.4, 5.1.6.5.4): gratuitous frames, then the answer. */
  private announce(): void {
    if (!this.has(NetF.GUEST_ANNOUNCE)) return;
    this.onLinkChange?.();
    this.command(NetCtrl.ANNOUNCE, NetCtrlAnnounce.ACK, new Uint8Array(0));
  }

  // What goes wrong.

  /** Bytes that such a frame may have: the MTU is what follows its Ethernet header (virtio 1.4, 5.1.4.2). */
  private longest(frame: Uint8Array): number {
    const { frameSize } = this.setting;
    const tagged = VLAN_TYPES.includes((frame[12] << 8 | frame[13]) as 0x8100);
    return tagged ? frameSize : frameSize - VLAN_TAG;
  }
  private badFrame(frame: Uint8Array): DriverError {
    return new DriverError(
      "Io",
      `${this.name}: a frame of ${frame.length} bytes, expected 1 to ${this.longest(frame)}`,
    );
  }
  private noChecksums(): DriverError {
    return new DriverError("Io", `${this.name}: the device does not fill in checksums (CSUM)`);
  }
  private fail(error: unknown): DriverError {
    if (!(error instanceof VirtqError || error instanceof VirtioError)) throw error;
    this.broken = new DriverError("Io", error.message, { cause: error });
    this.log.error(`The network card is out of order: ${error.message}`);
    // Whoever waits for room, or for frames, must hear of it.
    this.onWritable?.();
    this.onReceive?.();
    return this.broken;
  }
}
