import { ConsoleF } from "../../../spec/virtio/features.ts";
import type { Value } from "../check.ts";
import { buffer, type Desc, FILL, type Front, Ring, W } from "../driver/mod.ts";
import { PACKED, type RingKind, VERSION_1 } from "./session.ts";

/** Queues of port 0, of the control channel, of ports 1 to 3. */
export const Q = {
  RX: 0,
  TX: 1,
  CTRL_RX: 2,
  CTRL_TX: 3,
  RX1: 4,
  TX1: 5,
  RX2: 6,
  TX2: 7,
  RX3: 8,
  TX3: 9,
} as const;
const SIZE = 16;
/** Bytes that belong to buffer i of a queue. */
const PIECE = 256;

/** A console device with all its queues, and a driver that keeps no rules. */
export class ConsoleProbe {
  readonly rings: readonly Ring[];
  /** Buffers handed out, by queue. */
  private readonly heads: number[];
  private readonly lengths = new Map<string, number>();

  constructor(readonly front: Front, readonly kind: RingKind, options: {
    readonly multiport?: boolean;
    readonly features?: bigint;
    /** Leave DRIVER_OK to the probe. */
    readonly waits?: boolean;
  } = {}) {
    const packed = kind === "packed";
    const multiport = options.multiport ?? true;
    front.negotiate(
      VERSION_1 | (packed ? PACKED : 0n) | (multiport ? ConsoleF.MULTIPORT : 0n) | (options.features ?? 0n),
    );
    this.rings = Object.values(Q).map((index) => new Ring(front, packed, index, SIZE));
    this.heads = this.rings.map(() => 0);
    for (const ring of this.rings) front.setQueue(ring);
    if (!options.waits) front.status = 15;
    front.run();
  }

  at(queue: number, i: number): number {
    return buffer(4 * queue) + PIECE * i;
  }
  /** Makes buffers for the device to write available. */
  receive(queue: number, lengths: readonly number[], kick = true): void {
    for (const len of lengths) {
      const head = this.head(queue);
      this.lengths.set(`${queue} ${head}`, len);
      this.rings[queue].chain([{ addr: this.at(queue, head), len, flags: W }], head);
    }
    if (kick) this.front.kick(queue);
    this.front.run();
  }
  /** Sends bytes, in pieces of one chain. */
  send(queue: number, pieces: readonly Uint8Array[], kick = true): void {
    const head = this.head(queue);
    let at = this.at(queue, head);
    const list: Desc[] = [];
    for (const piece of pieces) {
      this.front.bytes(at, piece.length).set(piece);
      list.push({ addr: at, len: piece.length });
      at += piece.length;
    }
    for (let i = 1; i < pieces.length && this.kind === "split"; i++) this.head(queue);
    this.rings[queue].chain(list, head);
    if (kick) this.front.kick(queue);
    this.front.run();
  }
  say(queue: number, text: string): void {
    this.send(queue, [new TextEncoder().encode(text)]);
  }
  /** A control message (virtio 1.4, 5.3.6.2). */
  control(id: number, event: number, value: number): void {
    const message = new DataView(new ArrayBuffer(8));
    message.setUint32(0, id, true);
    message.setUint16(4, event, true);
    message.setUint16(6, value, true);
    this.send(Q.CTRL_TX, [new Uint8Array(message.buffer)]);
  }
  /** Used entries of a queue, with what stands in their buffers. */
  used(queue: number): Value {
    return this.rings[queue].takeUsed().map(({ id, len, ...flags }) => {
      const size = Math.min(this.lengths.get(`${queue} ${id}`) ?? 0, PIECE);
      const bytes = this.front.bytes(this.at(queue, id), size);
      const end = bytes.findLastIndex((b) => b !== FILL) + 1;
      return { id, len, ...flags, bytes: bytes.slice(0, end).toHex() };
    });
  }
  /** Everything that can be seen: all used entries, output, status, ISR, lines. */
  outcome(): { [name: string]: Value } {
    this.front.run();
    const used: Record<string, Value> = {};
    for (const [name, queue] of Object.entries(Q)) {
      const list = this.used(queue) as Value[];
      if (list.length > 0) used[name] = list;
    }
    const { front } = this;
    return {
      used,
      output: new TextDecoder().decode(front.world.takeOutput()),
      status: front.status,
      lines: front.world.takeLines(),
      isr: front.takeIsr(),
      after: front.world.takeLines(),
    };
  }
  /** Host input, and the time to take it. */
  async type(text: string): Promise<void> {
    await this.front.world.input(new TextEncoder().encode(text));
  }
  private head(queue: number): number {
    return this.heads[queue]++ % SIZE;
  }
}
