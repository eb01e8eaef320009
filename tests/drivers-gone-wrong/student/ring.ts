import type { DeviceMemory } from "../../../arch/device_memory.ts";
import { generalBarrier, readBarrier, writeBarrier } from "../../../arch/barrier.ts";
import { F } from "../../../spec/virtio/features.ts";
import type { DeviceBuffer } from "../../../mm/device_alloc.ts";
import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import { DriverError, write64 } from "./ground.ts";
import type { Student } from "./student.ts";
import type { Areas } from "./transport.ts";

/** One buffer of a chain: where it is, how long, and whether the device writes it. */
export interface Piece {
  readonly buffer: DeviceBuffer;
  /** Bytes from the start of the buffer; 0 if not given. */
  readonly offset?: number;
  readonly length: number;
  readonly writable: boolean;
}

/** A chain that the device has given back. */
export interface Used {
  readonly pieces: readonly Piece[];
  /** Bytes that the device wrote. */
  readonly written: number;
}

/** What the driver remembers of a chain in flight. */
export interface Flight {
  readonly pieces: readonly Piece[];
  /** Descriptors of the ring itself. */
  readonly descriptors: number[];
  readonly table: DeviceBuffer | undefined;
}

/** The driver's side of a queue: what both kinds of rings have in common. */
export abstract class Ring {
  abstract readonly kind: "split" | "packed";
  readonly memory: DeviceMemory;
  readonly eventIdx: boolean;
  readonly indirect: boolean;
  /** Chains in flight, by id. */
  readonly flights = new Map<number, Flight>();
  /** Descriptors that are free. */
  free: number;
  /** Chains that were added and are not published yet. */
  pending = 0;

  constructor(readonly driver: Student, readonly queue: number, readonly size: number) {
    this.memory = driver.ground.memory;
    this.eventIdx = driver.has(F.EVENT_IDX);
    this.indirect = driver.has(F.INDIRECT_DESC);
    this.free = size;
  }

  /** Allocates the areas and fills them with what the device shall find. */
  abstract allocate(): void;
  abstract areas(): Areas;
  abstract release(): void;
  /** Writes a chain; the device does not see it yet. Its id. */
  abstract add(pieces: readonly Piece[]): number;
  /** Shows the device all that was added. */
  abstract publish(): void;
  /** Whether the device wants to be told of what was published since the last time. */
  abstract wantsKick(): boolean;
  abstract kickData(): number;
  abstract hasUsed(): boolean;
  /** The next chain that was used. Only after {@link hasUsed} said so. */
  abstract take(): Used;
  /** Where the next interrupt is wanted, or that none is. */
  abstract setInterrupts(wanted: boolean): void;

  allocatePart(length: number, what: string): DeviceBuffer {
    return this.driver.ground.alloc.allocate(length, `student queue ${this.queue} ${what}`);
  }
  /** The address that devices know a buffer by. */
  deviceAddress(buffer: DeviceBuffer): number {
    return buffer.phys;
  }

  /** Publishes what was added, and tells the device if it wants to know. */
  submit(pieces: readonly Piece[]): number {
    const id = this.add(pieces);
    this.publish();
    this.kick();
    return id;
  }
  kick(): void {
    this.barrierBeforeKick();
    if (this.wantsKick()) this.notify();
  }
  notify(): void {
    const withData = this.driver.has(F.NOTIFICATION_DATA);
    const value = withData ? (this.kickData() << 16 | this.queue) >>> 0 : this.queue;
    this.driver.transport.notify(this.queue, value, withData ? 4 : 2);
  }

  writeDescriptor(at: number, piece: Piece, length: number, last: number, flags: number): void {
    this.writeRaw(at, this.pieceAddress(piece), length, last, flags);
  }
  pieceAddress(piece: Piece): number {
    return this.deviceAddress(piece.buffer) + (piece.offset ?? 0);
  }
  /** Address, length, and two 16-bit fields whose order is the ring's. */
  abstract writeRaw(at: number, address: number, length: number, other: number, flags: number): void;

  flagsOf(piece: Piece, more: boolean): number {
    return (piece.writable ? DescF.WRITE : 0) | (more ? DescF.NEXT : 0);
  }
  /** A chain goes through a table if there are tables and it has more than one buffer. */
  usesTable(pieces: readonly Piece[]): boolean {
    return this.indirect && pieces.length > 1;
  }
  writeTable(pieces: readonly Piece[]): DeviceBuffer {
    const table = this.allocatePart(pieces.length * DESC_SIZE, "table");
    pieces.forEach((piece, i) => {
      const more = this.kind === "split" && i < pieces.length - 1;
      const at = table.offset + i * DESC_SIZE;
      this.writeDescriptor(at, piece, piece.length, more ? i + 1 : 0, this.flagsOf(piece, more));
    });
    return table;
  }
  takeFree(n: number): void {
    if (n > this.free) {
      throw new DriverError(`queue ${this.queue}: ${n} descriptors wanted, ${this.free} free`);
    }
    this.free -= n;
  }
  /** Ends a flight: its descriptors and table are free. */
  land(id: number): Flight {
    const flight = this.flights.get(id);
    if (flight === undefined) {
      throw new DriverError(`queue ${this.queue}: the device gave ${id} back, which it had not`);
    }
    this.flights.delete(id);
    this.free += flight.descriptors.length;
    flight.table?.free();
    return flight;
  }

  // Barriers have their places, so that one can be forgotten.

  barrierBeforePublish(): void {
    writeBarrier(this.memory, this.driver.has(F.ORDER_PLATFORM));
  }
  barrierBeforeKick(): void {
    generalBarrier(this.memory, this.driver.has(F.ORDER_PLATFORM));
  }
  barrierAfterUsed(): void {
    readBarrier(this.memory, this.driver.has(F.ORDER_PLATFORM));
  }

  write64(at: number, value: number): void {
    write64(this.memory, at, value);
  }
}
