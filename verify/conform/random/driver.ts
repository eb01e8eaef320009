import type { Dice } from "./dice.ts";
import { Ram, ringPlace, type Step } from "./program.ts";
import type { Target } from "./targets.ts";

/** What the generator thinks of a queue. */
export interface QueuePlan {
  readonly q: number;
  size: number;
  /** Where its descriptors are. */
  readonly desc: number;
  /** Entries that are on the ring and perhaps not used. */
  waiting: number;
  enabled: boolean;
}

/**
 * A driver while its program is being made up: the steps so far, and what it thinks of the device. It may be wrong; then
 * the program does something that a driver should not.
 */
export class Driver {
  readonly steps: Step[] = [];
  readonly queues = new Map<number, QueuePlan>();
  packed = false;
  eventIdx = false;
  indirect = false;
  multiport = false;
  /** MRG_RXBUF. */
  merged = false;
  msix = false;
  /** A driver of before virtio 1.0: on the ports of a transitional device, or a transport of version 1. */
  legacy: boolean;
  /** Version 1: what stands in GuestPageSize, and in QueueAlign of queues; no reset of the device changes them. */
  pageSize = 0;
  readonly aligns = new Map<number, number>();
  /** Bytes before a network card's frame. */
  header = 12;
  running = false;
  /** Where the next buffer and the next table go. */
  private buffer = 0;
  private table = 0;

  constructor(readonly target: Target, readonly dice: Dice) {
    this.legacy = this.version1;
  }

  /** virtio-mmio of either version. */
  get mmio(): boolean {
    return this.target.mmio;
  }
  /** virtio-mmio of version 1. */
  get version1(): boolean {
    return this.target.transport === "mmio1";
  }
  add(step: Step): void {
    this.steps.push(step);
  }
  read(at: Extract<Step, { op: "reg" }>["at"], off: number, width: 1 | 2 | 4): void {
    this.add({ op: "reg", at, off, width });
  }
  write(at: Extract<Step, { op: "reg" }>["at"], off: number, width: 1 | 2 | 4, value: number): void {
    this.add({
      op: "reg",
      at,
      off,
      width,
      value: width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff),
    });
  }

  /** The size that a queue of the device has after a reset. */
  fullSize(q: number): number {
    return { rng: 8, serial: q === 2 || q === 3 ? 32 : 128, net: q === 2 ? 64 : 256 }[this.target.device];
  }
  /** Where the configuration begins behind the ports. */
  get legacyConfig(): number {
    return this.msix ? 24 : 20;
  }
  /** A status with DRIVER_OK. */
  get ok(): number {
    return this.legacy ? 7 : 15;
  }

  // Registers that both transports have.

  setStatus(value: number): void {
    if (this.mmio) this.write("mmio", 0x70, 4, value);
    else if (this.legacy) this.write("legacy", 18, 1, value);
    else this.write("common", 0x14, 1, value);
    if ((value & 0xff) === 0) this.forget();
    this.running = (value & 4) !== 0;
  }
  select(q: number): void {
    if (this.mmio) this.write("mmio", 0x30, 4, q);
    else if (this.legacy) this.write("legacy", 14, 2, q);
    else this.write("common", 0x16, 2, q);
  }
  setSize(size: number): void {
    if (this.mmio) this.write("mmio", 0x38, 4, size);
    else this.write("common", 0x18, 2, size);
  }
  enable(value: number): void {
    if (this.mmio) this.write("mmio", 0x44, 4, value);
    else this.write("common", 0x1c, 2, value);
  }
  /** `which`: descriptors, driver, device. */
  setArea(which: 0 | 1 | 2, address: number): void {
    const high = Math.floor(address / 2 ** 32);
    const off = this.mmio ? 0x80 + 0x10 * which : 0x20 + 8 * which;
    const at = this.mmio ? "mmio" : "common";
    this.write(at, off, 4, address);
    if (high !== 0 || this.dice.chance(0.1)) this.write(at, off + 4, 4, high);
  }
  setFeatures(word: number, value: number): void {
    if (this.mmio) {
      this.write("mmio", 0x24, 4, word);
      this.write("mmio", 0x20, 4, value);
    } else {
      this.write("common", 0x08, 4, word);
      this.write("common", 0x0c, 4, value);
    }
  }
  notify(q: number): void {
    if (this.mmio) this.write("mmio", 0x50, 4, q);
    else if (this.legacy) this.write("legacy", 16, 2, q);
    else this.write("notify", 4 * q, 2, q);
  }
  readIsr(): void {
    if (this.mmio) this.read("mmio", 0x60, 4);
    else if (this.legacy) this.read("legacy", 19, 1);
    else this.read("isr", 0, 1);
  }

  // Memory.

  /** Room for a buffer of `length` bytes; used again when the end is reached. */
  bufferAt(length: number): number {
    if (this.buffer + length > Ram.buffersLength) this.buffer = 0;
    const at = Ram.buffers + this.buffer;
    this.buffer += length + this.dice.int(0, 7);
    return at;
  }
  tableAt(entries: number): number {
    if (this.table + 16 * entries > Ram.tablesLength) this.table = 0;
    const at = Ram.tables + this.table;
    this.table += 16 * (entries + 1);
    return at;
  }
  /** The driver sets up its side of a ring. */
  ring(q: number, size: number, place = ringPlace(q, size)): void {
    this.add({ op: "ring", q, packed: this.packed, size: Math.max(1, Math.min(size, 1024)), ...place });
    this.queues.set(q, { q, size: Math.max(1, size), desc: place.desc, waiting: 0, enabled: true });
  }
  /** After a device reset. */
  forget(): void {
    this.queues.clear();
    this.packed =
      this.eventIdx =
      this.indirect =
      this.multiport =
        false;
    this.running = false;
  }
  /** A queue that was set up, or undefined. */
  anyQueue(): QueuePlan | undefined {
    const all = [...this.queues.values()];
    return all.length === 0 ? undefined : this.dice.pick(all);
  }
  /** Whether a queue is one the device writes to. */
  receives(q: number): boolean {
    if (this.target.device === "net") return q === 0;
    return this.target.device === "rng" || (q & 1) === 0;
  }
}
