import type { MachineContext } from "../bus.ts";
import type { EventQueue } from "../events.ts";
import type { FrameOffload, NetBackend, NetFrontend } from "../net/backend.ts";
import { complete, earlierChecksumHolds, isPossible } from "../net/offload.ts";
import { F, NetF } from "../../spec/virtio/features.ts";
import { VirtioId } from "../../spec/virtio/ids.ts";
import {
  NET_HDR_LEGACY_SIZE,
  NET_HDR_SIZE,
  NetConfig,
  NetStatus,
  receiveQueue,
  transmitQueue,
} from "../../spec/virtio/net.ts";
import { DeviceStatus } from "../../spec/virtio/status.ts";
import { VirtioDevice } from "./device.ts";
import { netConfigLength, writeNetConfig } from "./net_config.ts";
import { type ControlHost, runCommands } from "./net_control.ts";
import { ReceiveFilter } from "./net_filter.ts";
import { ALL_OFFLOADS, canTake, GUEST_OFFLOADS, HOST_OFFLOADS, OffloadHeaders } from "./net_offload.ts";
import { FrameWriter, type ReceiveHost } from "./net_receive.ts";
import { Steering } from "./net_steering.ts";
import { type TransmitHost, Transmitter } from "./net_transmit.ts";
import type { Chain, DeviceQueue } from "./queue.ts";

const CONTROL_QUEUE_SIZE = 64;
/** What drivers understood that accepted bit 30 (Linux 2.6.25). */
const BAD_FEATURES = NetF.MAC | NetF.CSUM | NetF.HOST_TSO4 | NetF.HOST_TSO6 | NetF.HOST_ECN;
/** Properties of a network device, parsed. */
export interface NetOptions {
  /** As the properties say; what the back end cannot do is taken out. */
  readonly hostFeatures: bigint;
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** The other end of the cable; without one, what the guest sends is lost. */
  readonly backend: NetBackend | undefined;
  /** Powers of two from 256 to 1024. */
  readonly rxQueueSize: number;
  readonly txQueueSize: number;
  /** `host_mtu`; 0: not told. */
  readonly mtu: number;
  /** `speed` in Mbit/s and `duplex` (0 half, 1 full); undefined: unknown. */
  readonly speed: number | undefined;
  readonly duplex: number | undefined;
  /** `tx=timer`: nanoseconds that a frame waits for others. Undefined: none. */
  readonly txTimer: number | undefined;
  /** Frames sent before others get a turn. */
  readonly txBurst: number;
  /** Our own `x-vnet-hdr`: a header comes with frames, and the card does what a back end does not. */
  readonly vnetHdr: boolean;
}

/**
 * The network device (virtio 1.4, 5.1), as QEMU's virtio-net over a back end in its own process.
 *
 *     -netdev user,id=n0 -device virtio-net-pci,netdev=n0     (microvm: -device virtio-net-device,netdev=n0)
 *
 * Queues 0 and 1 receive and transmit, with MQ further pairs follow, the last one is the control queue. Frames from the
 * back end go in only while the driver has buffers; frames for it stay with the driver while it takes none.
 */
export class VirtioNet extends VirtioDevice implements NetFrontend, TransmitHost, ControlHost, ReceiveHost {
  /** The address now: the property's, until the driver sets another. */
  readonly mac: Uint8Array;
  readonly filter: ReceiveFilter;
  readonly events: EventQueue;
  readonly txTimer: number | undefined;
  readonly txBurst: number;
  /** As negotiated: see {@link ReceiveHost}. */
  headerLength: number = NET_HDR_LEGACY_SIZE;
  mergeable = false;
  /** Pairs that there can be. */
  readonly maxPairs: number;
  private pairsInUse = 1;
  private multiqueue = false;
  private netStatus: number = NetStatus.LINK_UP;
  /** DRIVER_OK is being written. */
  private starting = false;
  /** There were no buffers for a frame, and the driver has not notified since (QEMU's `receive_disabled`). */
  private starved = false;
  /** What the driver copes with in received frames. */
  private guestOffloads = 0n;
  /** Pieces of a frame that the card had to cut, and the driver had no buffers for yet. */
  declare private readonly late: Uint8Array[];
  declare private readonly transmitters: Transmitter[];
  declare private readonly writer: FrameWriter;
  declare private readonly steering: Steering;
  declare private readonly headers: OffloadHeaders;
  /** What precedes a received frame that leaves nothing undone. */
  declare private readonly plainHeader: Uint8Array;

  constructor(ctx: MachineContext, name: string, private readonly options: NetOptions) {
    let features = options.hostFeatures | NetF.MAC;
    if (options.mtu !== 0) features |= NetF.MTU;
    if (options.speed !== undefined || options.duplex !== undefined) features |= NetF.SPEED_DUPLEX;
    const impossible = options.vnetHdr ? ALL_OFFLOADS & ~(GUEST_OFFLOADS | HOST_OFFLOADS) : ALL_OFFLOADS;
    super(ctx, name, VirtioId.Net, features & ~impossible, new Uint8Array(netConfigLength(features)));
    this.legacyFeatures |= NetF.GSO;
    this.badFeatures = BAD_FEATURES;
    this.mac = Uint8Array.from(options.mac);
    this.filter = new ReceiveFilter(this.mac);
    this.events = ctx.events;
    this.txTimer = options.txTimer;
    this.txBurst = options.txBurst;
    this.maxPairs = options.backend?.queues ?? 1;
    this.transmitters = Array.from(
      { length: this.maxPairs },
      (_, pair) => new Transmitter(this, transmitQueue(pair)),
    );
    this.late = [];
    this.writer = new FrameWriter(this);
    this.steering = new Steering();
    this.headers = new OffloadHeaders();
    this.plainHeader = new Uint8Array(NET_HDR_SIZE);
    this.setPairs(1);
    options.backend?.attach(this, {
      now: () => ctx.events.now,
      schedule: (delay, run) => ctx.events.schedule(delay, run),
      random: () => ctx.random.u32(),
    });
  }

  // The cable.

  get linkUp(): boolean {
    return (this.netStatus & NetStatus.LINK_UP) !== 0;
  }
  /** The cable is plugged in or pulled (QEMU's `set_link`): the driver hears of it, frames of either side are lost. */
  setLink(up: boolean): void {
    if (up === this.linkUp) return;
    this.netStatus ^= NetStatus.LINK_UP;
    this.notifyConfig();
    this.changed(this.status);
  }
  /** Asks the driver to tell the network where it is (QEMU's `announce-self`); nothing happens unless it can. */
  announce(): void {
    if (!this.negotiated(NetF.GUEST_ANNOUNCE) || !this.negotiated(NetF.CTRL_VQ)) return;
    this.traceQemu("virtio_net_announce_notify", "");
    this.netStatus |= NetStatus.ANNOUNCE;
    this.notifyConfig();
  }

  // What the back end calls.

  canReceive(): boolean {
    return this.starting ||
      !this.starved && this.driverOk && this.late.length === 0 && this.readyPair(0) >= 0;
  }
  receive(frame: Uint8Array, offload?: FrameOffload): boolean {
    if (this.late.length > 0) return false;
    if (offload === undefined) return this.deliver(frame, this.plainHeader);
    if (canTake(offload, this.guestOffloads) && earlierChecksumHolds(frame, offload)) {
      return this.deliver(frame, this.headers.write(frame, offload));
    }
    if (!isPossible(frame, offload)) return true;
    for (const piece of complete(frame, offload)) {
      if (this.late.length > 0 || !this.deliver(piece, this.plainHeader)) this.late.push(piece.slice());
    }
    return true;
  }
  sendReady(): void {
    for (const t of this.transmitters) t.onReady();
  }
  private deliver(frame: Uint8Array, header: Uint8Array): boolean {
    if (!this.linkUp || this.starting) return true;
    if (this.starved) return false;
    const pair = this.pairsInUse === 1 ? 0 : this.steering.pairOf(frame, this.pairsInUse);
    const index = receiveQueue(this.readyPair(pair));
    // As in QEMU, a frame is lost that is handed over although the card cannot receive.
    if (index < 0 || !this.driverOk) return true;
    if (!this.hasBuffers(index, frame.length + this.headerLength)) {
      this.starved = true;
      return false;
    }
    if (this.filter.accepts(frame) && this.writer.store(index, frame, header)) this.notifyDriver(index);
    return true;
  }
  /** This pair, or another in use if its queue is under reset (virtio 1.4, 5.1.6.5.5.1); -1: none. */
  private readyPair(pair: number): number {
    if (this.ready(receiveQueue(pair))) return pair;
    for (let i = 0; i < this.pairsInUse; i++) if (this.ready(receiveQueue(i))) return i;
    return -1;
  }
  /** Whether buffers wait, where they can be merged for so many bytes; asks for a notification if not. */
  private hasBuffers(index: number, bytes: number): boolean {
    const enough = !this.mergeable && !this.isEmpty(index) || this.availBytes(index, bytes, 0).in >= bytes;
    this.setNotification(index, !enough);
    return enough;
  }

  // What the parts of the device call: see the interfaces.

  override ring(index: number): DeviceQueue | undefined {
    return super.ring(index);
  }
  override pop(index: number): Chain | undefined {
    return super.pop(index);
  }
  override push(index: number, chain: Chain, written: number): void {
    super.push(index, chain, written);
  }
  override isEmpty(index: number): boolean {
    return super.isEmpty(index);
  }
  override notifyDriver(index: number): void {
    super.notifyDriver(index);
  }
  setNotification(index: number, on: boolean): void {
    this.queues[index].ring?.setNotification(on);
  }
  canSend(): boolean {
    return this.options.backend?.canSend?.() ?? true;
  }
  send(frame: Uint8Array, chain: Chain, index: number): void {
    const { backend, vnetHdr } = this.options;
    if (this.pairsInUse > 1) this.steering.sent(frame, index >> 1);
    const offload = vnetHdr ? this.headers.read(chain, frame) : undefined;
    if (offload === undefined) backend?.send(frame);
    else if (offload !== null && backend?.offloads) backend.send(frame, offload);
    else if (offload !== null) { for (const piece of complete(frame, offload)) backend?.send(piece); }
  }
  announced(): boolean {
    if ((this.netStatus & NetStatus.ANNOUNCE) === 0) return false;
    this.netStatus &= ~NetStatus.ANNOUNCE;
    return true;
  }
  usePairs(count: number): boolean {
    if (count < 1 || count > this.maxPairs || !this.multiqueue) return false;
    this.pairsInUse = count;
    this.changed(this.status);
    return true;
  }
  useOffloads(features: bigint): boolean {
    if (!this.options.vnetHdr || (features & ~(this.guestFeatures & GUEST_OFFLOADS)) !== 0n) return false;
    this.guestOffloads = features;
    return true;
  }

  // What the driver does.

  protected override onNotify(index: number): void {
    if (index === this.queues.length - 1) this.control(index);
    else if ((index & 1) === 1) this.transmitters[index >> 1].onNotify();
    else this.onBuffers();
  }
  protected override onFeatures(features: bigint): void {
    this.multiqueue = (features & NetF.MQ) !== 0n;
    this.mergeable = (features & NetF.MRG_RXBUF) !== 0n;
    const long = this.mergeable || (features & F.VERSION_1) !== 0n;
    this.headerLength = long ? NET_HDR_SIZE : NET_HDR_LEGACY_SIZE;
    this.guestOffloads = features & GUEST_OFFLOADS;
    this.filter.setVlanFilter((features & NetF.CTRL_VLAN) !== 0n);
    this.setPairs(this.multiqueue ? this.maxPairs : 1);
  }
  protected override onStatus(status: number): void {
    this.changed(status);
  }
  protected override onReset(): void {
    this.pairsInUse = 1;
    this.netStatus &= ~NetStatus.ANNOUNCE;
    this.mac.set(this.options.mac);
    this.filter.reset();
    for (const t of this.transmitters) t.onReset();
    this.steering.reset();
    this.late.length = 0;
  }
  override configRead(offset: number, width: number): number {
    if (offset + width <= this.config.length) {
      const { maxPairs, options } = this;
      writeNetConfig(this.config, this.mac, this.netStatus, { ...options, maxPairs });
    }
    return super.configRead(offset, width);
  }
  /**
   * Only a driver of long ago writes its address here (virtio 1.4, 5.1.4.3): the bytes that it writes, among those that it
   * read last, as in QEMU.
   */
  protected override onConfigWrite(): void {
    if (!this.negotiated(NetF.CTRL_MAC_ADDR) && !this.negotiated(F.VERSION_1)) {
      this.mac.set(this.config.subarray(NetConfig.MAC, NetConfig.MAC + this.mac.length));
    }
  }

  /** The driver has given buffers: what waits goes in. */
  private onBuffers(): void {
    this.starved = false;
    while (this.late.length > 0 && this.deliver(this.late[0], this.plainHeader)) this.late.shift();
    if (this.late.length === 0) this.options.backend?.acceptInput();
  }
  private control(index: number): void {
    runCommands(index, this);
  }
  private changed(status: number): void {
    const driverOk = (status & DeviceStatus.DRIVER_OK) !== 0;
    if (driverOk && this.linkUp) {
      // As in QEMU, frames that waited for DRIVER_OK are asked for a moment before it counts, and are lost.
      this.starting = !this.driverOk;
      this.onBuffers();
      this.starting = false;
    }
    this.transmitters.forEach((t, pair) => t.onChange(driverOk, pair < this.pairsInUse));
  }
  /** As many pairs, and the control queue behind them. */
  private setPairs(pairs: number): void {
    if (this.queues.length === 2 * pairs + 1) return;
    const kept = Math.min(2 * pairs, Math.max(0, this.queues.length - 1));
    for (const q of this.queues.splice(kept)) q.cancel?.();
    const { rxQueueSize, txQueueSize } = this.options;
    for (let i = kept; i < 2 * pairs; i++) this.addQueue((i & 1) === 0 ? rxQueueSize : txQueueSize);
    this.addQueue(CONTROL_QUEUE_SIZE);
  }
}
