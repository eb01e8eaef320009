/** A virtio-mmio device that is nothing but a test's word for it: for features that no device here offers. */
import { MmioReg } from "../../../../spec/virtio/mmio.ts";
import { DescF } from "../../../../spec/virtio/split.ts";
import { VIRTIO_MMIO_BASE } from "../../../../spec/virtio/mmio.ts";
import { LiveMemory, type Report, type Rule, Strict } from "../../../../verify/strict/mod.ts";
import { BUFFER_RULES } from "../../../../verify/strict/rules/buffers/mod.ts";
import { CONSOLE_RULES } from "../../../../verify/strict/rules/console/mod.ts";
import { NET_RULES } from "../../../../verify/strict/rules/net/mod.ts";
import { RNG_RULES } from "../../../../verify/strict/rules/rng/mod.ts";
import { BARRIER_NAMES } from "../../../../arch/device_memory.ts";

const SIZE = 16, RAM = 4 << 20;

/** The rules of devices' own chapters. */
const DEVICE_RULES = [...BUFFER_RULES, ...NET_RULES, ...CONSOLE_RULES, ...RNG_RULES];

/** A buffer of a chain: bytes to read, or how many may be written. */
export type Piece = Uint8Array | number;

/** A split ring in memory. */
interface Ring {
  readonly base: number;
  free: number;
  avail: number;
  used: number;
  readonly heads: number[];
}

/** A driver's accesses to a device, made up one by one. Split rings of 16. */
export class HandDevice {
  readonly ram = new Uint8Array(RAM);
  readonly strict: Strict;
  time = 0;
  private readonly rings = new Map<number, Ring>();
  private next = 0x1000;

  constructor(
    virtioId: number,
    private readonly features: bigint,
    queues: readonly number[],
    rules: readonly Rule[] = DEVICE_RULES,
  ) {
    const memory = new LiveMemory(() => [{ base: 0, bytes: this.ram }]);
    this.strict = new Strict({ rules, platform: "simulated", memory });
    this.strict.clock = () => this.time;
    this.strict.emit({ ev: "machine", machine: "microvm", memory: RAM, commandLine: "" });
    this.read(MmioReg.DEVICE_ID, virtioId);
    this.write(MmioReg.STATUS, 0);
    this.read(MmioReg.STATUS, 0);
    this.write(MmioReg.STATUS, 1);
    this.write(MmioReg.STATUS, 3);
    for (let word = 0; word < 4; word++) {
      const value = Number(features >> BigInt(32 * word) & 0xffff_ffffn);
      this.write(MmioReg.DEVICE_FEATURES_SEL, word);
      this.read(MmioReg.DEVICE_FEATURES, value);
      this.write(MmioReg.DRIVER_FEATURES_SEL, word);
      this.write(MmioReg.DRIVER_FEATURES, value);
    }
    this.write(MmioReg.STATUS, 11);
    this.read(MmioReg.STATUS, 11);
    for (const queue of queues) this.enable(queue);
    this.write(MmioReg.STATUS, 15);
  }

  /** Reports of rules whose id begins so, one line each. */
  lines(about: string): string[] {
    return this.reports(about).map((r) => `${r.level} ${r.rule}: ${r.found}; expected ${r.expected}`);
  }
  reports(about: string): Report[] {
    return this.strict.reports.filter((r) => r.rule.startsWith(about));
  }
  read(offset: number, value: number, width = 4): void {
    this.strict.emit({ ev: "mmio_read", addr: VIRTIO_MMIO_BASE + offset, width, value });
  }
  write(offset: number, value: number, width = 4): void {
    this.strict.emit({ ev: "mmio_write", addr: VIRTIO_MMIO_BASE + offset, width, value });
  }
  config(offset: number, value: number, width: number): void {
    this.read(MmioReg.CONFIG + offset, value, width);
  }
  idle(): void {
    this.strict.emit({ ev: "idle" });
  }
  /** Memory for `length` bytes, on a page of its own. */
  allocate(length: number): number {
    const at = this.next;
    this.next += Math.ceil(length / 4096) * 4096 || 4096;
    if (this.next > RAM) throw new RangeError(`a test's ${RAM} bytes of memory are used up`);
    return at;
  }
  /** The driver writes memory. */
  store(address: number, bytes: Uint8Array): void {
    this.ram.set(bytes, address);
    this.strict.driverWrote(address, bytes.length, undefined);
  }
  /** The driver reads memory. */
  load(address: number, length: number): void {
    this.strict.driverReads(address, length, undefined);
  }
  barrier(kind: typeof BARRIER_NAMES[number]): void {
    this.strict.driverBarrier(BARRIER_NAMES.indexOf(kind) as 0);
  }

  /** Publishes a chain; the addresses of its buffers, each on pages of its own. */
  publish(queue: number, ...pieces: readonly Piece[]): number[] {
    const addresses = pieces.map((piece) => {
      const address = this.allocate(typeof piece === "number" ? piece : piece.length);
      if (typeof piece !== "number") this.store(address, piece);
      return address;
    });
    this.publishChain(queue, pieces, addresses);
    return addresses;
  }
  /** Publishes one writable buffer that there is already. */
  publishAt(queue: number, address: number, length: number): void {
    this.publishChain(queue, [length], [address]);
  }
  private publishChain(queue: number, pieces: readonly Piece[], addresses: readonly number[]): void {
    const ring = this.rings.get(queue)!;
    const head = ring.free;
    for (const [i, piece] of pieces.entries()) {
      const length = typeof piece === "number" ? piece : piece.length;
      const address = addresses[i];
      const last = i === pieces.length - 1;
      const flags = (typeof piece === "number" ? DescF.WRITE : 0) | (last ? 0 : DescF.NEXT);
      const index = (head + i) % SIZE;
      this.store(
        ring.base + 16 * index,
        words([address, 4], [0, 4], [length, 4], [flags, 2], [(index + 1) % SIZE, 2]),
      );
    }
    ring.free = (head + pieces.length) % SIZE;
    ring.heads.push(head);
    this.store(ring.base + 0x404 + 2 * (ring.avail % SIZE), words([head, 2]));
    this.barrier("smp/write");
    this.store(ring.base + 0x402, words([++ring.avail, 2]));
    this.barrier("smp/general");
    this.load(ring.base + 0x800, 2);
    this.write(MmioReg.QUEUE_NOTIFY, queue);
  }
  /** The device uses the oldest chain; the driver sees it, and reads its length unless told otherwise. */
  use(queue: number, written: number, readLength = true): void {
    const ring = this.rings.get(queue)!;
    const at = ring.base + 0x804 + 8 * (ring.used % SIZE);
    this.device(at, words([ring.heads.shift()!, 4], [written, 4]));
    this.device(ring.base + 0x802, words([++ring.used, 2]));
    this.load(ring.base + 0x802, 2);
    this.barrier("smp/read");
    this.load(at, readLength ? 8 : 4);
  }
  /** As {@link HandDevice.use}, if there is a chain. */
  tryUse(queue: number, written: number): void {
    if (this.rings.get(queue)!.heads.length > 0) this.use(queue, written);
  }
  /** The device writes memory. */
  device(address: number, bytes: Uint8Array): void {
    this.ram.set(bytes, address);
    this.strict.emit({ ev: "mem_write", by: "device", addr: address, hex: bytes.toHex() });
  }
  reset(): void {
    this.write(MmioReg.STATUS, 0);
    this.read(MmioReg.STATUS, 0);
  }

  private enable(queue: number): void {
    const base = this.allocate(4096);
    this.rings.set(queue, { base, free: 0, avail: 0, used: 0, heads: [] });
    this.write(MmioReg.QUEUE_SEL, queue);
    this.read(MmioReg.QUEUE_READY, 0);
    this.read(MmioReg.QUEUE_NUM_MAX, SIZE);
    this.write(MmioReg.QUEUE_NUM, SIZE);
    this.write(MmioReg.QUEUE_DESC_LOW, base);
    this.write(MmioReg.QUEUE_DRIVER_LOW, base + 0x400);
    this.write(MmioReg.QUEUE_DEVICE_LOW, base + 0x800);
    this.write(MmioReg.QUEUE_READY, 1);
  }
}

/** Numbers as little-endian bytes of a width. */
export function words(...numbers: readonly (readonly [value: number, width: number])[]): Uint8Array {
  return Uint8Array.from(
    numbers.flatMap(([value, width]) =>
      Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff)
    ),
  );
}
