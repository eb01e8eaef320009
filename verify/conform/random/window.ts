import type { RamWriter } from "./ring.ts";
import { pattern, Ram } from "./program.ts";

/** Bytes at the end of RAM that programs may name, too: buffers that lie half outside. */
const TAIL = 64;
/** Where areas whose address was never written lie: those of the largest queue. */
const LOW = 0x4000;

/** A stretch of RAM that is watched, in words of 32 bits: the world's, and the copy of what the driver wrote. */
interface Watched {
  readonly at: number;
  readonly now: Int32Array;
  readonly before: Int32Array;
  readonly nowBytes: Uint8Array;
  readonly beforeBytes: Uint8Array;
  readonly plain: Uint8Array;
}

/**
 * The guest memory of programs in one world. What the driver writes goes into a copy as well, so what differs from it
 * was written by the device.
 */
export class Window implements RamWriter {
  private readonly parts: Watched[];
  private readonly mailbox: Int32Array;
  private readonly ram: Uint8Array;

  /** @param legacy whether there are rings of legacy drivers to watch. */
  constructor(memory: DataView, legacy: boolean) {
    this.ram = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
    this.parts = [
      [0, LOW],
      [Ram.rings, Ram.big - Ram.rings],
      [Ram.big, Ram.bigEnd - Ram.big],
      [Ram.buffers, Ram.buffersLength],
      [Ram.tables, (legacy ? Ram.end : Ram.legacy) - Ram.tables],
      [Ram.size - TAIL, TAIL],
    ].map(([at, length]) => this.watch(memory, at, length));
    this.mailbox = new Int32Array(memory.buffer, memory.byteOffset + Ram.mailbox, Ram.mailboxLength / 4);
  }

  /** Everything as it was before the first program. */
  clear(): void {
    for (const part of this.parts) {
      part.nowBytes.set(part.plain);
      part.beforeBytes.set(part.plain);
    }
  }
  bytes(at: number, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.u8(at + i, bytes[i]);
  }
  u16(at: number, value: number): void {
    this.u8(at, value & 0xff);
    this.u8(at + 1, value >>> 8 & 0xff);
  }
  u32(at: number, value: number): void {
    this.u16(at, value & 0xffff);
    this.u16(at + 2, value >>> 16);
  }
  fill(at: number, length: number): void {
    for (let i = 0; i < length; i++) this.u8(at + i, 0);
  }
  u16At(at: number): number {
    return this.ram[at] | this.ram[at + 1] << 8;
  }

  /** Messages that arrived, `vector:data`, and takes them out of the mailbox. */
  takeMail(): string {
    let text = "";
    for (let i = 0; i < this.mailbox.length; i++) {
      if (this.mailbox[i] === 0) continue;
      text += `${text === "" ? "" : " "}${i}:${(this.mailbox[i] >>> 0).toString(16)}`;
      this.mailbox[i] = 0;
    }
    return text;
  }
  /** What the device wrote since the last call: `address:bytes`, lowest first. */
  takeWrites(): string {
    let text = "";
    for (const part of this.parts) {
      const { now, before } = part;
      for (let i = 0; i < now.length; i++) {
        if (now[i] === before[i]) continue;
        text += this.takeRun(part, i * 4);
      }
    }
    return text.trimEnd();
  }

  /** The changed bytes from `from` on, up to the first word that is the same. */
  private takeRun(part: Watched, from: number): string {
    let end = from;
    while (end < part.nowBytes.length && part.now[end >> 2] !== part.before[end >> 2]) end += 4;
    let text = "";
    for (let i = from; i < end; i++) {
      if (part.nowBytes[i] === part.beforeBytes[i]) continue;
      let stop = i;
      while (stop < end && part.nowBytes[stop] !== part.beforeBytes[stop]) stop++;
      text += `${(part.at + i).toString(16)}:${part.nowBytes.slice(i, stop).toHex()} `;
      i = stop;
    }
    part.beforeBytes.set(part.nowBytes.subarray(from, end), from);
    return text;
  }
  private u8(at: number, value: number): void {
    if (!(at >= 0 && at < this.ram.length)) return;
    this.ram[at] = value;
    for (const part of this.parts) {
      if (at >= part.at && at < part.at + part.beforeBytes.length) part.beforeBytes[at - part.at] = value;
    }
  }
  private watch(memory: DataView, at: number, length: number): Watched {
    const plain = new Uint8Array(length);
    if (at === Ram.buffers || at >= Ram.end) { for (let i = 0; i < length; i++) plain[i] = pattern(at + i); }
    const copy = new ArrayBuffer(length);
    return {
      at,
      now: new Int32Array(memory.buffer, memory.byteOffset + at, length / 4),
      before: new Int32Array(copy),
      nowBytes: new Uint8Array(memory.buffer, memory.byteOffset + at, length),
      beforeBytes: new Uint8Array(copy),
      plain,
    };
  }
}
