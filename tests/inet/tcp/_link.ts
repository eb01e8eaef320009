/** Two TCP machines and a link between them that may lose, repeat, reorder, delay and corrupt; virtual time. */
import { Tcp, type TcpConnection, type TcpListener, type TcpOptions } from "../../../inet/tcp/mod.ts";

/** Chances from 0 to 1; times in nanoseconds. */
export interface Faults {
  loss: number;
  duplicate: number;
  reorder: number;
  corrupt: number;
  /** One way. */
  delay: number;
  /** What a reordered segment is late by, at most. */
  late: number;
  /** Segments on their way in one direction; more are refused, as by a queue that is full. */
  room: number;
}

export const PERFECT: Faults = {
  loss: 0,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  delay: 1e6,
  late: 5e6,
  room: Infinity,
};

/** xorshift32: a seed gives the same run. */
export function random(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

interface Packet {
  at: number;
  order: number;
  to: 0 | 1;
  bytes: Uint8Array;
}

export const A = 0x0a000001, B = 0x0a000002, PORT = 80;

export class Link {
  now = 0;
  declare readonly ends: [Tcp, Tcp];
  readonly packets: Packet[] = [];
  private readonly under: [number, number] = [0, 0];
  private order = 0;
  /** Everything that was sent, for those who want to look. */
  tap: ((from: 0 | 1, segment: Uint8Array, now: number) => void) | undefined;
  /** Decides about a segment instead of chance: false loses it. */
  filter: ((from: 0 | 1, segment: Uint8Array) => boolean) | undefined;
  mtu = 1500;

  constructor(
    readonly faults: Faults,
    readonly random: () => number,
    options: [TcpOptions, TcpOptions] = [{}, {}],
    checksums = true,
  ) {
    const end = (from: 0 | 1) =>
      new Tcp({
        headroom: 34,
        fillsChecksums: !checksums,
        random32: random,
        mtu: () => this.mtu,
        send: (_source, _destination, bytes, start, end) => this.send(from, bytes.slice(start, end)),
      }, options[from]);
    this.checksums = checksums;
    this.ends = [end(0), end(1)];
  }
  private readonly checksums: boolean;

  private chance(probability: number): boolean {
    return probability > 0 && this.random() < probability * 2 ** 32;
  }

  private send(from: 0 | 1, bytes: Uint8Array): boolean {
    const { faults } = this;
    if (this.under[from] >= faults.room) return false;
    this.tap?.(from, bytes, this.now);
    if (this.filter !== undefined && !this.filter(from, bytes)) return true;
    if (this.chance(faults.loss)) return true;
    if (this.chance(faults.corrupt)) bytes[this.random() % bytes.length] ^= 1 << (this.random() & 7);
    const late = () => this.chance(faults.reorder) ? this.random() % faults.late : 0;
    this.carry(from, bytes, late());
    if (this.chance(faults.duplicate)) this.carry(from, bytes, late());
    return true;
  }
  private carry(from: 0 | 1, bytes: Uint8Array, late: number): void {
    this.under[from]++;
    const packet: Packet = {
      at: this.now + this.faults.delay + late,
      order: this.order++,
      to: from ? 0 : 1,
      bytes,
    };
    let i = this.packets.length;
    while (i > 0 && this.packets[i - 1].at > packet.at) i--;
    this.packets.splice(i, 0, packet);
  }

  /** Hands a segment to one end as if it had come from the other. */
  inject(to: 0 | 1, bytes: Uint8Array, source = to ? A : B, destination = to ? B : A): void {
    this.ends[to].input(source, destination, bytes, 0, bytes.length, this.now, true);
    this.ends[to].poll(this.now);
  }

  /** The next time that something happens, or Infinity. */
  next(): number {
    const a = this.ends[0].nextDeadline() ?? Infinity, b = this.ends[1].nextDeadline() ?? Infinity;
    return Math.max(this.now, Math.min(a, b, this.packets[0]?.at ?? Infinity));
  }

  /** Goes on until `until` (a time, or a condition that is looked at after each step). False if nothing more can happen. */
  run(until: number | (() => boolean), limit = Infinity): boolean {
    const done = typeof until === "number" ? () => false : until;
    const end = typeof until === "number" ? until : limit;
    for (;;) {
      this.ends[0].poll(this.now);
      this.ends[1].poll(this.now);
      if (done()) return true;
      const at = this.next();
      if (at > end || at === Infinity) {
        if (end !== Infinity) this.now = Math.max(this.now, end);
        return false;
      }
      this.now = at;
      while (this.packets.length > 0 && this.packets[0].at <= at) {
        const { to, bytes } = this.packets.shift()!;
        this.under[to ? 0 : 1]--;
        const [source, destination] = to ? [A, B] : [B, A];
        this.ends[to].input(source, destination, bytes, 0, bytes.length, this.now, !this.checksums);
      }
    }
  }

  /** A connection from the first end to the second, both sides of it open within `limit` of virtual time. */
  open(listen = {}, limit = 600e9): { a: TcpConnection; b: TcpConnection; listener: TcpListener } {
    const listener = this.ends[1].listen({ address: B, port: PORT }, listen)!;
    const a = this.ends[0].connect({ address: A, port: 0 }, { address: B, port: PORT }, this.now)!;
    let b: TcpConnection | undefined;
    this.run(() => (b ??= listener.accept()) !== undefined && a.state === "ESTABLISHED", this.now + limit);
    if (b === undefined) throw new Error(`not opened: ${a.state}`);
    return { a, b, listener };
  }
}

/** Sends what there is and checks what comes: one side of a conversation. */
export class Party {
  received = 0;
  sent = 0;
  wrong = -1;
  private readonly buffer = new Uint8Array(8192);

  /**
   * @param out bytes to send, each the low byte of a mix of its position and `salt`.
   * @param salt of what comes.
   */
  constructor(
    readonly connection: TcpConnection,
    readonly out: number,
    readonly outSalt: number,
    readonly inSalt: number,
    private readonly chunk = 4096,
  ) {}

  static byte(position: number, salt: number): number {
    return (Math.imul(position + salt, 0x9e3779b1) >>> 13) & 255;
  }

  /** Reads and writes what it can; closes when all is said and heard. */
  step(): void {
    const { connection, buffer } = this;
    for (
      let n = connection.read(buffer.subarray(0, this.chunk));
      n > 0;
      n = connection.read(buffer.subarray(0, this.chunk))
    ) {
      for (let i = 0; i < n; i++) {
        if (this.wrong < 0 && buffer[i] !== Party.byte(this.received + i, this.inSalt)) {
          this.wrong = this.received + i;
        }
      }
      this.received += n;
    }
    while (this.sent < this.out) {
      const length = Math.min(this.chunk, this.out - this.sent, buffer.length);
      for (let i = 0; i < length; i++) buffer[i] = Party.byte(this.sent + i, this.outSalt);
      const n = connection.write(buffer.subarray(0, length));
      if (n === 0) break;
      this.sent += n;
    }
    if (this.sent === this.out) connection.shutdownWrite();
    if (connection.ended && this.sent === this.out) connection.close();
  }
}
