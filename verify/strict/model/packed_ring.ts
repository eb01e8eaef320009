import { EventSuppr, PackedDesc, PackedDescF, RingEventFlags } from "../../../spec/virtio/packed.ts";
import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import type { Chain, ChainFault, ChainFaultKind, Segment } from "./chain.ts";
import type { RingField } from "./queue.ts";
import {
  faultsOfSegments,
  type RingArea,
  type RingEvents,
  type RingOptions,
  RingState,
  type RingWorld,
} from "./ring_state.ts";

const { AVAIL, USED } = PackedDescF;
const KNOWN_FLAGS = DescF.NEXT | DescF.WRITE | DescF.INDIRECT | AVAIL | USED;
/** Chains whose end is remembered, to tell whether an event lies behind them. */
const REMEMBERED = 65_536;

/** A packed ring as it follows from memory (virtio 1.4, 2.8). */
export class PackedRing extends RingState {
  override readonly kind = "packed";
  override readonly areas: readonly RingArea[];
  /** Descriptors made available since the ring is there: the position is this modulo the size. */
  private availCount = 0;
  private usedCount = 0;
  /** By number of a chain: `availCount` before it. */
  private readonly starts = new Map<number, number>();

  constructor(world: RingWorld, events: RingEvents, options: RingOptions) {
    super(world, events, options);
    const { desc, driver, device, size } = options;
    this.areas = [
      { area: "desc", base: desc, length: DESC_SIZE * size },
      { area: "driver", base: driver, length: EventSuppr.SIZE },
      { area: "device", base: device, length: EventSuppr.SIZE },
    ];
  }

  override get indices(): Readonly<Record<string, number>> {
    const { size, availCount, usedCount } = this;
    return {
      avail: availCount % size,
      availWrap: this.wrap(availCount),
      used: usedCount % size,
      usedWrap: this.wrap(usedCount),
    };
  }
  override addressOf(what: RingField, index = 0): number {
    const { desc, driver, device } = this.options;
    if (what === "descriptor") return desc + DESC_SIZE * index;
    if (what === "driverEvent") return driver;
    if (what === "deviceEvent") return device;
    throw new RangeError(`a packed ring has no ${what}`);
  }
  override wantsNotification(since: number): boolean {
    if (this.published <= since) return false;
    const at = this.options.device;
    const flags = this.world.u16(at + EventSuppr.FLAGS) & 3;
    if (flags !== RingEventFlags.DESC || !this.options.eventIdx) return flags !== RingEventFlags.DISABLE;
    const event = this.world.u16(at + EventSuppr.DESC);
    const { size, availCount } = this;
    const sameLap = event >>> 15 === this.wrap(availCount);
    const target = availCount - availCount % size + (event & 0x7fff) - (sameLap ? 0 : size);
    return target >= (this.starts.get(since) ?? 0) && target < availCount;
  }

  override syncAvailable(): void {
    const before = this.published;
    // No more than the ring has in one go, whatever the flags say.
    for (let left = this.size; left > 0;) {
      const flags = this.flagsAt(this.availCount);
      if (!this.isAvailable(flags, this.availCount)) break;
      left -= this.publish();
    }
    if (this.published > before) this.events.publishedBatch(this.published - before);
  }
  override syncUsed(): void {
    while (this.usedCount < this.availCount) {
      const at = this.addressOf("descriptor", this.usedCount % this.size);
      const flags = this.world.u16(at + PackedDesc.FLAGS), wrap = this.wrap(this.usedCount);
      if ((flags & AVAIL) !== 0 !== (wrap === 1) || (flags & USED) !== 0 !== (wrap === 1)) return;
      const id = this.world.u16(at + PackedDesc.ID);
      const chain = this.inFlight.get(id);
      let descriptors = chain?.descriptors.length ?? 1;
      if (chain !== undefined && this.options.inOrder) {
        for (const c of this.inFlight.values()) {
          if (c.number < chain.number) descriptors += c.descriptors.length;
        }
      }
      for (let i = 0; i < descriptors; i++) this.owners[(this.usedCount + i) % this.size] = undefined;
      this.usedCount += descriptors;
      this.finish(id, this.world.u32(at + PackedDesc.LEN));
    }
  }

  /**
   * Descriptors come back in ring order, whichever chain was used: the device may use chains in any order, and writes
   * what it used over descriptors that it has read (virtio 1.4, 2.8.22).
   */
  protected override freeDescriptors(): void {}

  /** The wrap counter at a count of descriptors (virtio 1.4, 2.8.1): 1 in the first lap. */
  private wrap(count: number): number {
    return 1 - Math.floor(count / this.size) % 2;
  }
  private flagsAt(count: number): number {
    return this.world.u16(this.addressOf("descriptor", count % this.size) + PackedDesc.FLAGS);
  }
  private isAvailable(flags: number, count: number): boolean {
    const wrap = this.wrap(count) === 1;
    return (flags & AVAIL) !== 0 === wrap && (flags & USED) !== 0 !== wrap;
  }

  /** Takes the chain at the next position in; how many descriptors it has. */
  private publish(): number {
    const { world, size } = this;
    const descriptors: number[] = [], segments: Segment[] = [], faults: ChainFault[] = [];
    let table: Chain["table"];
    let id = 0, count = this.availCount;
    for (let more = true; more; count++) {
      const index = count % size, at = this.addressOf("descriptor", index);
      const fault = (kind: ChainFaultKind, text: string) => void faults.push({ kind, descriptor: at, text });
      if (descriptors.length === size) {
        fault("loop", `the chain has more than the ring's ${size} descriptors`);
        break;
      }
      const flags = world.u16(at + PackedDesc.FLAGS);
      if (!this.isAvailable(flags, count)) {
        fault(
          "wrap",
          `descriptor ${index} of the chain has flags 0x${flags.toString(16)}: not available in this lap`,
        );
      }
      const owner = this.owners[index];
      if (owner !== undefined) {
        const held = this.descriptorsInFlight;
        fault("overrun", `descriptor ${index} is the device's, which holds ${held} of ${size}`);
      }
      if ((flags & ~KNOWN_FLAGS) !== 0) fault("flags", `flags are 0x${flags.toString(16)}`);
      descriptors.push(index);
      id = world.u16(at + PackedDesc.ID);
      const address = world.u64(at + PackedDesc.ADDR), length = world.u32(at + PackedDesc.LEN);
      more = (flags & DescF.NEXT) !== 0;
      if ((flags & DescF.INDIRECT) === 0) {
        segments.push({ address, length, writable: (flags & DescF.WRITE) !== 0, descriptor: at, flags });
        continue;
      }
      if (!this.options.indirect) fault("indirect-feature", "INDIRECT without VIRTIO_F_INDIRECT_DESC");
      if (more || descriptors.length > 1) {
        fault("indirect-next", "a table of descriptors is part of a longer chain");
      }
      table = { address, length };
      if (length === 0 || length % DESC_SIZE !== 0) {
        fault("indirect-length", `a table of ${length} bytes: no multiple of ${DESC_SIZE}`);
      }
      if (world.isRam(address, Math.max(length, 1))) {
        segments.push(...this.readTable(address, length, faults));
      } else fault("memory", `the table at 0x${address.toString(16)} is not in RAM`);
    }
    faults.push(...faultsOfSegments(segments, world));
    const other = this.inFlight.get(id);
    if (other !== undefined) {
      const text = `buffer id ${id} is that of another chain in flight`;
      faults.push({ kind: "shared", descriptor: this.addressOf("descriptor", descriptors.at(-1)!), text });
    }
    const position = this.availCount % size;
    this.starts.set(this.published, this.availCount);
    this.starts.delete(this.published - REMEMBERED);
    this.availCount = count;
    const number = this.published++;
    const chain: Chain = {
      ...{ id, position, descriptors, segments, table, faults, number },
      publishedAt: world.time,
      place: world.place(),
    };
    this.take(chain);
    this.events.published(chain);
    return descriptors.length;
  }
  /** An indirect table: all its descriptors count, only WRITE means something (virtio 1.4, 2.8.7). */
  private readTable(address: number, length: number, faults: ChainFault[]): Segment[] {
    const segments: Segment[] = [];
    for (let at = address; at + DESC_SIZE <= address + length; at += DESC_SIZE) {
      const flags = this.world.u16(at + PackedDesc.FLAGS);
      if ((flags & DescF.INDIRECT) !== 0) {
        faults.push({
          kind: "indirect-nested",
          descriptor: at,
          text: "a table of descriptors names another table",
        });
      }
      segments.push({
        address: this.world.u64(at + PackedDesc.ADDR),
        length: this.world.u32(at + PackedDesc.LEN),
        writable: (flags & DescF.WRITE) !== 0,
        descriptor: at,
        flags,
      });
    }
    return segments;
  }
}
