import type { PhysAddr } from "../../../arch/addresses.ts";
import type { Width } from "../../../arch/platform.ts";
import type { World } from "../world.ts";

/** Where the driver keeps what devices see; all below is thrown away between two checks. */
export const Area = {
  /** Areas of queue n: 64 KiB from here on. */
  QUEUES: 0x10_0000,
  QUEUE_STRIDE: 0x1_0000,
  QUEUE_COUNT: 12,
  BUFFERS: 0x20_0000,
  BUFFERS_SIZE: 0x4_0000,
  TABLES: 0x24_0000,
  TABLES_SIZE: 0x2_0000,
  /** Where MSI-X messages go: 4 bytes for each vector. */
  MESSAGES: 0x27_0000,
  MESSAGES_SIZE: 0x1000,
} as const;
/** What buffers hold before a device writes to them. */
export const FILL = 0xaa;

/** What a ring needs to know: where its three areas are. */
export interface QueueSetUp {
  readonly index: number;
  readonly size: number;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
}

/**
 * The least driver of one virtio device, over either transport: it writes what it is told, right or wrong. `read` and
 * `write` are register accesses to the structure that the transport calls its own: the common configuration on PCI,
 * the window on MMIO.
 */
export abstract class Front {
  abstract readonly kind: "pci" | "mmio";

  constructor(readonly world: World) {}

  abstract read(offset: number, width?: Width): number;
  abstract write(offset: number, value: number, width?: Width): void;
  abstract get status(): number;
  abstract set status(value: number);
  /** Reads the interrupt status and clears it: by reading on PCI, by acknowledging on MMIO. */
  abstract takeIsr(): number;
  /** How often the configuration changed. */
  abstract get generation(): number;
  /** Word `i` of what the device offers. */
  abstract offered(i: number): number;
  abstract accept(i: number, word: number): void;
  abstract select(queue: number): void;
  abstract setQueue(queue: QueueSetUp, enable?: boolean): void;
  abstract kick(queue: number): void;
  abstract config(offset: number, width?: Width): number;
  abstract setConfig(offset: number, value: number, width?: Width): void;
  /** Everything as after power on, as far as a driver can bring it there. */
  protected abstract rewindDevice(): void;

  /** The start of each check: a device after reset, memory in a known state, nothing left to observe. */
  rewind(): this {
    this.rewindDevice();
    this.run();
    const bytes = this.bytes(0, Area.MESSAGES + Area.MESSAGES_SIZE);
    bytes.fill(0, Area.QUEUES, Area.QUEUES + Area.QUEUE_COUNT * Area.QUEUE_STRIDE);
    bytes.fill(FILL, Area.BUFFERS, Area.BUFFERS + Area.BUFFERS_SIZE);
    bytes.fill(0, Area.TABLES, Area.TABLES + Area.TABLES_SIZE);
    bytes.fill(0, Area.MESSAGES, Area.MESSAGES + Area.MESSAGES_SIZE);
    this.world.takeLines();
    this.world.takeOutput();
    return this;
  }

  /** Lets the device finish: requests to a back end come back a few turns later. */
  run(): this {
    this.world.settle();
    this.world.settle();
    return this;
  }

  /** What the device offers, as 64 bits. */
  get features(): bigint {
    return BigInt(this.offered(1)) << 32n | BigInt(this.offered(0));
  }
  /** Reset to FEATURES_OK with exactly these features; answers the status. */
  negotiate(features: bigint): number {
    this.status = 0;
    this.status = 1;
    this.status = 3;
    this.accept(0, Number(features & 0xffff_ffffn));
    this.accept(1, Number(features >> 32n & 0xffff_ffffn));
    this.status = 11;
    return this.status;
  }

  get memory(): DataView {
    return this.world.memory;
  }
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.memory.byteOffset + at, length);
  }
  load(address: number, width: Width): number {
    return this.world.platform.mmioRead(address as PhysAddr, width);
  }
  store(address: number, width: Width, value: number): void {
    this.world.platform.mmioWrite(address as PhysAddr, width, value);
  }
}
