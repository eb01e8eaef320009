/** A network card with a driver that hands it buffers, right or wrong. */
import { Rig } from "./_rig.ts";

export const MRG = 1 << 15, EVENT_IDX = 1 << 29, CTRL_VLAN = 1 << 19, MQ = 1 << 22, ANNOUNCE = 1 << 21;
export const CTRL_MAC_ADDR = 1 << 23, CTRL_VQ = 1 << 17, GUEST_OFFLOADS = 1 << 2;
const SIZE = 16;
const QUEUE = (index: number) => 0x1_0000 + index * 0x4000;
const BUFFER = (n: number) => 0x8_0000 + n * 0x1000;
const WRITE = 2, NEXT = 1;
export const HEADER = 12;

/** `in`: the device writes; otherwise these bytes, or so many zeros, are there to read. */
export interface Part {
  readonly in?: number;
  readonly out?: Uint8Array | number;
}

export class NetRig extends Rig {
  /** The next free descriptor, entry of the available ring, and buffer; by queue where it matters. */
  private readonly heads = [0, 0, 0, 0, 0, 0, 0];
  private readonly entries = [0, 0, 0, 0, 0, 0, 0];
  private readonly seen = [0, 0, 0, 0, 0, 0, 0];
  private buffers = 0;

  constructor(word = "virtio-net-pci", before?: (rig: NetRig) => void) {
    super([]);
    before?.(this);
    this.create(word.includes("netdev=") ? word : `${word},netdev=n0`);
    this.enable();
  }
  /** From reset to DRIVER_OK with VERSION_1 and these bits of word 0. */
  start(word0 = 0, word1 = 1, queues = [0, 1, 2]): this {
    this.negotiate(word0, word1);
    return this.restart(queues);
  }
  /** Fresh queues, and DRIVER_OK. */
  restart(queues = [0, 1, 2]): this {
    for (const list of [this.heads, this.entries, this.seen]) list.fill(0);
    this.ram.fill(0, QUEUE(0), QUEUE(7));
    for (const i of queues) this.queue(i, QUEUE(i), SIZE);
    this.status = 15;
    this.run();
    return this;
  }
  /** Makes a chain available and notifies; gives the addresses of its buffers. */
  give(queue: number, parts: readonly Part[], notify = true): number[] {
    const head = this.heads[queue];
    const addresses: number[] = [];
    parts.forEach((part, i) => {
      const at = BUFFER(this.buffers++);
      addresses.push(at);
      const length = part.in ?? (typeof part.out === "number" ? part.out : part.out!.length);
      if (part.out instanceof Uint8Array) this.ram.set(part.out, at);
      else this.ram.fill(0xaa, at, at + Math.min(length, 0x1000));
      const index = (head + i) % SIZE;
      const last = i === parts.length - 1;
      this.desc(
        QUEUE(queue) + 16 * index,
        at,
        length,
        (part.in === undefined ? 0 : WRITE) | (last ? 0 : NEXT),
        (index + 1) % SIZE,
      );
    });
    this.heads[queue] = (head + parts.length) % SIZE;
    this.avail(QUEUE(queue), head, this.entries[queue]++, SIZE);
    if (notify) this.notify(queue);
    return addresses;
  }
  /** The lengths of chains used since the last call. */
  done(queue: number): number[] {
    const all = this.used(QUEUE(queue)).map((u) => u.len);
    const fresh = all.slice(this.seen[queue]);
    this.seen[queue] = all.length;
    return fresh;
  }
  /** Sends a frame behind a header of zeros. */
  transmit(frame: Uint8Array, header = new Uint8Array(HEADER), queue = 1): void {
    this.give(queue, [{ out: header }, { out: frame }]);
  }
  /** A command; the answer, or undefined if there is none. */
  command(bytes: number[] | Uint8Array, queue = 2): number | undefined {
    const [, at] = this.give(queue, [{ out: Uint8Array.from(bytes) }, { in: 1 }]);
    return this.done(queue).length === 0 ? undefined : this.ram[at];
  }
  /** NO_NOTIFY of a queue. */
  suppressed(queue: number): boolean {
    return this.dram.getUint16(QUEUE(queue) + 0x2000, true) === 1;
  }
  receive(frame: Uint8Array): boolean {
    return this.netdev.frontend!.receive(frame);
  }
  bytes(at: number, length: number): Uint8Array {
    return this.ram.slice(at, at + length);
  }
}

/** A frame for `to` (hexadecimal), with `length` bytes. */
export function frameTo(to: string, length = 60, type = "88b5"): Uint8Array {
  const frame = new Uint8Array(length).map((_, i) => i);
  frame.set(Uint8Array.fromHex(to + "020000000001" + type).subarray(0, length));
  return frame;
}
export const OURS = "525400123456";
