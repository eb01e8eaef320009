import type { MachineContext } from "../bus.ts";
import type { EventQueue } from "../events.ts";
import type { NetBackend, NetFrontend } from "../net/backend.ts";
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
import { type ControlHost, runCommands } from "./net_control.ts";
import { ReceiveFilter } from "./net_filter.ts";
import { FrameWriter, type ReceiveHost } from "./net_receive.ts";
import { type TransmitHost, Transmitter } from "./net_transmit.ts";
import type { Chain, DeviceQueue } from "./queue.ts";

const CONTROL_QUEUE_SIZE = 64;
/** Bytes of the configuration by the feature that shows the last field of them. */
const CONFIG_LENGTHS: readonly [feature: bigint, length: number][] = [
  [NetF.SPEED_DUPLEX, NetConfig.DUPLEX + 1],
  [NetF.MTU, NetConfig.MTU + 2],
  [NetF.MQ, NetConfig.MAX_VIRTQUEUE_PAIRS + 2],
  [NetF.STATUS, NetConfig.STATUS + 2],
];
/** What is offered only if a header comes with frames, which QEMU's `user` and `hubport` do not have. */
const OFFLOADS = NetF.CSUM | NetF.HOST_TSO4 | NetF.HOST_TSO6 | NetF.HOST_ECN | NetF.HOST_UFO |
  NetF.GUEST_CSUM |
  NetF.GUEST_TSO4 | NetF.GUEST_TSO6 | NetF.GUEST_ECN | NetF.GUEST_UFO;
const UNKNOWN_SPEED = 0xffff_ffff, UNKNOWN_DUPLEX = 0xff;

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
  declare private readonly transmitters: Transmitter[];
  declare private readonly writer: FrameWriter;
  /** What precedes a received frame. */
  declare private readonly header: Uint8Array;
  declare private readonly view: DataView;

  constructor(ctx: MachineContext, name: string, private readonly options: NetOptions) {
    let features = options.hostFeatures | NetF.MAC;
    if (options.mtu !== 0) features |= NetF.MTU;
    if (options.speed !== undefined || options.duplex !== undefined) features |= NetF.SPEED_DUPLEX;
    const [, length] = CONFIG_LENGTHS.find(([f]) => (features & f) !== 0n) ?? [0n, NetConfig.STATUS];
    super(ctx, name, VirtioId.Net, features & ~OFFLOADS, new Uint8Array(length));
    this.legacyFeatures |= NetF.GSO;
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
    this.writer = new FrameWriter(this);
    this.header = new Uint8Array(NET_HDR_SIZE);
    this.view = new DataView(new ArrayBuffer(NetConfig.SIZE));
    this.setPairs(1);
    this.writeConfig();
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
    this.writeConfig();
    this.notifyConfig();
    this.changed(this.status);
  }
  /** Asks the driver to tell the network where it is (QEMU's `announce-self`); nothing happens unless it can. */
  announce(): void {
    if (!this.negotiated(NetF.GUEST_ANNOUNCE) || !this.negotiated(NetF.CTRL_VQ)) return;
    this.traceQemu("virtio_net_announce_notify", "");
    this.netStatus |= NetStatus.ANNOUNCE;
    this.writeConfig();
    this.notifyConfig();
  }

  // What the back end calls.

  canReceive(): boolean {
    return this.driverOk && this.ready(receiveQueue(0));
  }
  receive(frame: Uint8Array): boolean {
    if (!this.linkUp) return true;
    const index = receiveQueue(0);
    if (!this.canReceive() || !this.hasBuffers(index, frame.length + this.headerLength)) return false;
    if (this.filter.accepts(frame) && this.writer.store(index, frame, this.header)) this.notifyDriver(index);
    return true;
  }
  sendReady(): void {
    for (const t of this.transmitters) t.onReady();
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
  send(frame: Uint8Array): void {
    this.options.backend?.send(frame);
  }
  announced(): boolean {
    if ((this.netStatus & NetStatus.ANNOUNCE) === 0) return false;
    this.netStatus &= ~NetStatus.ANNOUNCE;
    this.writeConfig();
    return true;
  }
  usePairs(count: number): boolean {
    if (count < 1 || count > this.maxPairs || !this.multiqueue) return false;
    this.pairsInUse = count;
    this.changed(this.status);
    return true;
  }
  useOffloads(_features: bigint): boolean {
    return false;
  }

  // What the driver does.

  protected override onNotify(index: number): void {
    if (index === this.queues.length - 1) this.control(index);
    else if ((index & 1) === 1) this.transmitters[index >> 1].onNotify();
    else this.options.backend?.acceptInput();
  }
  protected override onFeatures(features: bigint): void {
    this.multiqueue = (features & NetF.MQ) !== 0n;
    this.mergeable = (features & NetF.MRG_RXBUF) !== 0n;
    const long = this.mergeable || (features & F.VERSION_1) !== 0n;
    this.headerLength = long ? NET_HDR_SIZE : NET_HDR_LEGACY_SIZE;
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
    this.writeConfig();
  }
  /** Only a driver of long ago writes its address here (virtio 1.4, 5.1.4.3). */
  protected override onConfigWrite(): void {
    if (!this.negotiated(NetF.CTRL_MAC_ADDR) && !this.negotiated(F.VERSION_1)) {
      this.mac.set(this.config.subarray(NetConfig.MAC, NetConfig.MAC + this.mac.length));
    }
    this.writeConfig();
  }

  private control(index: number): void {
    runCommands(index, this);
    this.writeConfig();
  }
  private changed(status: number): void {
    const driverOk = (status & DeviceStatus.DRIVER_OK) !== 0;
    this.transmitters.forEach((t, pair) => t.onChange(driverOk, pair < this.pairsInUse));
    // Frames may have waited for this.
    if (driverOk && this.linkUp) { for (let i = 0; i < this.pairsInUse; i++) this.schedule(receiveQueue(i)); }
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
  private writeConfig(): void {
    const { view } = this;
    for (const [i, byte] of this.mac.entries()) view.setUint8(NetConfig.MAC + i, byte);
    view.setUint16(NetConfig.STATUS, this.netStatus, true);
    view.setUint16(NetConfig.MAX_VIRTQUEUE_PAIRS, this.maxPairs, true);
    view.setUint16(NetConfig.MTU, this.options.mtu, true);
    view.setUint32(NetConfig.SPEED, this.options.speed ?? UNKNOWN_SPEED, true);
    view.setUint8(NetConfig.DUPLEX, this.options.duplex ?? UNKNOWN_DUPLEX);
    this.config.set(new Uint8Array(view.buffer, 0, this.config.length));
  }
}
