import { NetF } from "../../../spec/virtio/features.ts";
import { VirtioId } from "../../../spec/virtio/ids.ts";
import {
  NET_HDR_SIZE,
  NetConfig as C,
  NetCtrl,
  NetCtrlAck,
  NetCtrlRx,
  NetStatus,
} from "../../../spec/virtio/net.ts";
import type { DeviceBuffer } from "../../../mm/device_alloc.ts";
import { DriverError } from "./ground.ts";
import type { Piece } from "./ring.ts";
import { Student } from "./student.ts";

const RX = 0, TX = 1;
const RECEIVE_BUFFERS = 4;

/** The driver of a network card (virtio 1.4, 5.1): asks by ARP who has 10.0.2.2, and waits for the answer. */
export class NetStudent extends Student {
  override readonly deviceId = VirtioId.Net;
  mac = new Uint8Array(6);
  linkUp = true;
  mtu = 1500;
  pairs = 1;
  /** Frames to send; each is answered. */
  questions = 2;
  readonly received: Uint8Array[] = [];

  /** The control queue follows the pairs (virtio 1.4, 5.1.2). */
  get controlQueue(): number {
    return 2 * (this.has(NetF.MQ) ? this.pairs : 1);
  }
  override queues(): readonly number[] {
    return this.has(NetF.CTRL_VQ) ? [RX, TX, this.controlQueue] : [RX, TX];
  }
  override readConfig(): void {
    const { transport } = this;
    if (this.has(NetF.MAC)) {
      this.mac = this.consistent(() =>
        Uint8Array.from({ length: 6 }, (_, i) => transport.readConfig(C.MAC + i, 1))
      );
    } else this.mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    if (this.has(NetF.STATUS)) this.linkUp = (transport.readConfig(C.STATUS, 2) & NetStatus.LINK_UP) !== 0;
    if (this.has(NetF.MQ)) this.pairs = transport.readConfig(C.MAX_VIRTQUEUE_PAIRS, 2);
    if (this.has(NetF.MTU)) this.mtu = transport.readConfig(C.MTU, 2);
  }
  override startQueues(): void {
    for (let i = 0; i < RECEIVE_BUFFERS; i++) {
      this.giveReceiveBuffer(this.allocate(this.receiveSize(), "frame"));
    }
  }
  /** A header and a frame of the largest size, with its VLAN tag. */
  receiveSize(): number {
    return NET_HDR_SIZE + 18 + this.mtu;
  }
  giveReceiveBuffer(buffer: DeviceBuffer): void {
    this.rings[RX].submit([{ buffer, length: this.receiveSize(), writable: true }]);
  }

  override work(): void {
    if (this.has(NetF.CTRL_VQ) && this.has(NetF.CTRL_RX)) this.setPromiscuous(true);
    for (let i = 0; i < this.questions; i++) {
      this.transmit(this.question());
      this.received.push(this.receive());
    }
  }
  /** Who has 10.0.2.2? Tell 10.0.2.15. */
  question(): Uint8Array {
    const frame = Uint8Array.fromHex(
      "ffffffffffff000000000000080600010800060400010000000000000a00020f0000000000000a000202",
    );
    frame.set(this.mac, 6);
    frame.set(this.mac, 22);
    return frame;
  }

  transmit(frame: Uint8Array): void {
    const pieces = this.makeFrame(frame);
    this.rings[TX].submit(pieces);
    this.freePieces(this.nextUsed(this.rings[TX]).pieces);
  }
  /** Header and frame in two buffers. */
  makeFrame(frame: Uint8Array): Piece[] {
    const { memory } = this.ground;
    const header = this.allocate(NET_HDR_SIZE, "header");
    memory.fill(header.offset, NET_HDR_SIZE, 0);
    this.fillHeader(header);
    const data = this.allocate(frame.length, "frame");
    memory.writeBytes(data.offset, frame);
    return [
      { buffer: header, length: NET_HDR_SIZE, writable: false },
      { buffer: data, length: frame.length, writable: false },
    ];
  }
  /** No offload: all zero (virtio 1.4, 5.1.6.2). */
  fillHeader(_header: DeviceBuffer): void {}

  receive(): Uint8Array {
    const { pieces: [{ buffer }], written } = this.nextUsed(this.rings[RX]);
    const frame = this.readFrame(buffer, written);
    this.giveReceiveBuffer(buffer);
    return frame;
  }
  readFrame(buffer: DeviceBuffer, written: number): Uint8Array {
    if (written < NET_HDR_SIZE) throw new DriverError(`a frame of ${written} bytes with its header`);
    const frame = new Uint8Array(written - NET_HDR_SIZE);
    this.ground.memory.readBytes(buffer.offset + NET_HDR_SIZE, frame);
    return frame;
  }

  setPromiscuous(on: boolean): void {
    this.command(NetCtrl.RX, NetCtrlRx.PROMISC, Uint8Array.of(on ? 1 : 0));
  }
  /** Class and command, data, and a byte for the answer (virtio 1.4, 5.1.6.5). */
  command(kind: number, command: number, data: Uint8Array): void {
    const ring = this.rings[this.controlQueue];
    ring.submit(this.makeCommand(kind, command, data));
    const { pieces } = this.nextUsed(ring);
    this.checkAck(pieces);
    this.freePieces(pieces);
  }
  makeCommand(kind: number, command: number, data: Uint8Array): Piece[] {
    const { memory } = this.ground;
    const head = this.allocate(2, "command"), body = this.allocate(data.length, "command data");
    const ack = this.allocate(1, "command answer");
    memory.writeU8(head.offset, kind);
    memory.writeU8(head.offset + 1, command);
    memory.writeBytes(body.offset, data);
    memory.writeU8(ack.offset, 0xff);
    return [
      { buffer: head, length: 2, writable: false },
      { buffer: body, length: data.length, writable: false },
      { buffer: ack, length: 1, writable: true },
    ];
  }
  checkAck(pieces: readonly Piece[]): void {
    const ack = this.ground.memory.readU8(pieces[2].buffer.offset);
    if (ack !== NetCtrlAck.OK) throw new DriverError(`the device refuses the command: ${ack}`);
  }
}
