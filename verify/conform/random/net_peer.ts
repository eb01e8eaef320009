import { physAddr } from "../../../arch/addresses.ts";
import type { Width } from "../../../arch/platform.ts";
import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import { LegacyMmioReg, MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { NET_HDR_SIZE, NetHdr } from "../../../spec/virtio/net.ts";
import { PAGE } from "../driver/mod.ts";
import type { World } from "../world.ts";
import { ECAM } from "./places.ts";
import { legacyPlace } from "./program.ts";
import type { Target } from "./targets.ts";

/** The peer's place: slot 2 of q35, with its registers here, or the transport before the target's. */
const SLOT = 2, BAR4 = 0xe002_0000, MMIO = 0xfeb0_0000 + 22 * 0x200;
const COMMAND = 4, BAR4_REGISTER = 0x20;
const NOTIFY = 0x3000;
/** Its memory, behind that of programs. */
const AREA = 0x20_0000, STRIDE = 0x4000;
const BUFFERS = AREA + 4 * STRIDE, BUFFER = 2048;
/** Bytes of a frame that a receive filter looks at. */
const LOOKED_AT = 18;
/** Frames that can wait at once. */
export const PEER_BUFFERS = 64;
const SIZE = PEER_BUFFERS;
const RX = 0, TX = 1;
const WRITE = 2, NO_INTERRUPT = 1;
const MRG = 1 << 15, VERSION_1 = 1;

/**
 * The network card at the other end of the cable: sends what a program gives it, and shows what the target sent. It has
 * buffers enough, asks for no interrupts, and lives as long as its machine.
 */
export class NetPeer {
  private readonly memory: DataView;
  private received = 0;
  private sent = 0;
  /** Where the areas of the rings begin, from the descriptors. */
  private readonly driver: number;
  private readonly device: number;

  constructor(private readonly world: World, private readonly target: Target) {
    this.memory = world.memory;
    // A legacy driver has no choice. Its header is as long as a modern one, as it takes MRG_RXBUF (virtio 1.4, 5.1.6.1).
    const { driver, device } = legacyPlace(0, SIZE, PAGE, 0);
    [this.driver, this.device] = this.legacy ? [driver, device] : [0x2000, 0x3000];
  }

  /** Brings the card up. */
  start(): void {
    if (!this.mmio) {
      const config = ECAM + (SLOT << 15);
      this.store(config + BAR4_REGISTER, 4, BAR4);
      this.store(config + BAR4_REGISTER + 4, 4, 0);
      this.store(config + COMMAND, 2, 6);
    }
    for (const status of [0, 1, 3]) this.setStatus(status);
    for (const [word, value] of [[0, MRG], [1, VERSION_1]]) {
      if (this.mmio) {
        this.register(R.DRIVER_FEATURES_SEL, word);
        this.register(R.DRIVER_FEATURES, value);
      } else {
        this.register(C.DRIVER_FEATURE_SELECT, word);
        this.register(C.DRIVER_FEATURE, value);
      }
    }
    if (!this.legacy) this.setStatus(11);
    for (const q of [RX, TX]) this.setUp(q);
    for (let i = 0; i < SIZE; i++) this.offer(i);
    this.setStatus(this.legacy ? 7 : 15);
    this.kick(RX);
    this.world.settle();
  }

  /** Sends a frame. */
  send(frame: Uint8Array): void {
    const { memory } = this;
    const slot = this.sent % SIZE;
    const at = BUFFERS + (SIZE + slot) * BUFFER;
    const length = NET_HDR_SIZE + frame.length;
    const bytes = new Uint8Array(memory.buffer, memory.byteOffset + at, length + LOOKED_AT);
    bytes.fill(0, 0, NET_HDR_SIZE);
    bytes.set(frame, NET_HDR_SIZE);
    // QEMU's receive filter looks for an address and a tag also where a frame has ended: zeros are neither.
    bytes.fill(0, length);
    this.describe(TX, slot, at, length, 0);
    this.makeAvailable(TX, slot, this.sent++);
    this.kick(TX);
  }
  /** What the target sent since the last call: the frames, hexadecimal. */
  take(): string[] {
    const { memory } = this;
    const used = AREA + RX * STRIDE + this.device;
    const frames: string[] = [];
    let left = 0;
    let kick = false;
    while (memory.getUint16(used + 2, true) !== (this.received & 0xffff)) {
      const entry = used + 4 + 8 * (this.received % SIZE);
      const [id, length] = [memory.getUint32(entry, true), memory.getUint32(entry + 4, true)];
      const at = BUFFERS + id * BUFFER;
      const from = left === 0 ? NET_HDR_SIZE : 0;
      const bytes = new Uint8Array(memory.buffer, memory.byteOffset + at + from, length - from).toHex();
      if (left === 0) {
        left = memory.getUint16(at + NetHdr.NUM_BUFFERS, true);
        frames.push(bytes);
      } else frames[frames.length - 1] += bytes;
      left--;
      this.makeAvailable(RX, id, this.received + SIZE);
      this.received++;
      kick = true;
    }
    if (kick) this.kick(RX);
    return frames;
  }

  private get mmio(): boolean {
    return this.target.mmio;
  }
  /** All transports of a machine are of one version. */
  private get legacy(): boolean {
    return this.target.transport === "mmio1";
  }
  private setUp(q: number): void {
    const area = AREA + q * STRIDE;
    const bytes = new Uint8Array(this.memory.buffer, this.memory.byteOffset + area, STRIDE);
    bytes.fill(0);
    this.memory.setUint16(area + this.driver, NO_INTERRUPT, true);
    const places = [area, area + this.driver, area + this.device];
    if (this.legacy) {
      this.register(R.QUEUE_SEL, q);
      this.register(LegacyMmioReg.GUEST_PAGE_SIZE, PAGE);
      this.register(R.QUEUE_NUM, SIZE);
      this.register(LegacyMmioReg.QUEUE_PFN, area / PAGE);
    } else if (this.mmio) {
      this.register(R.QUEUE_SEL, q);
      this.register(R.QUEUE_NUM, SIZE);
      places.forEach((at, i) => this.register(R.QUEUE_DESC_LOW + 16 * i, at));
      this.register(R.QUEUE_READY, 1);
    } else {
      this.register(C.QUEUE_SELECT, q, 2);
      this.register(C.QUEUE_SIZE, SIZE, 2);
      places.forEach((at, i) => this.register(C.QUEUE_DESC + 8 * i, at));
      this.register(C.QUEUE_ENABLE, 1, 2);
    }
  }
  private offer(id: number): void {
    this.describe(RX, id, BUFFERS + id * BUFFER, BUFFER, WRITE);
    this.makeAvailable(RX, id, id);
  }
  private describe(q: number, slot: number, at: number, length: number, flags: number): void {
    const desc = AREA + q * STRIDE + 16 * slot;
    this.memory.setUint32(desc, at, true);
    this.memory.setUint32(desc + 8, length, true);
    this.memory.setUint16(desc + 12, flags, true);
  }
  /** Puts a head into the available ring as entry number `n`. */
  private makeAvailable(q: number, head: number, n: number): void {
    const driver = AREA + q * STRIDE + this.driver;
    this.memory.setUint16(driver + 4 + 2 * (n % SIZE), head, true);
    this.memory.setUint16(driver + 2, (n + 1) & 0xffff, true);
  }
  private kick(q: number): void {
    if (this.mmio) this.register(R.QUEUE_NOTIFY, q);
    else this.store(BAR4 + NOTIFY + 4 * q, 2, q);
  }
  private setStatus(value: number): void {
    if (this.mmio) this.register(R.STATUS, value);
    else this.register(C.DEVICE_STATUS, value, 1);
  }
  private register(offset: number, value: number, width: Width = 4): void {
    this.store((this.mmio ? MMIO : BAR4) + offset, width, value);
  }
  private store(at: number, width: Width, value: number): void {
    this.world.platform.mmioWrite(physAddr(at), width, value);
  }
}
