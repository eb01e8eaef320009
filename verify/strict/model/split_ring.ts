import {
  Avail,
  availSize,
  DESC_SIZE,
  needEvent,
  Used,
  USED_F_NO_NOTIFY,
  usedSize,
} from "../../../spec/virtio/split.ts";
import type { Chain } from "./chain.ts";
import { followSplit } from "./follow_split.ts";
import type { RingField } from "./queue.ts";
import {
  faultsOfSegments,
  type RingArea,
  type RingEvents,
  type RingOptions,
  RingState,
  type RingWorld,
} from "./ring_state.ts";

/** A split ring as it follows from memory (virtio 1.4, 2.7). */
export class SplitRing extends RingState {
  override readonly kind = "split";
  override readonly areas: readonly RingArea[];
  /** Indices up to which entries were taken in. */
  private avail = 0;
  private usedIdx = 0;

  constructor(world: RingWorld, events: RingEvents, options: RingOptions) {
    super(world, events, options);
    const { desc, driver, device, size } = options;
    this.areas = [
      { area: "desc", base: desc, length: DESC_SIZE * size },
      { area: "driver", base: driver, length: availSize(size) },
      { area: "device", base: device, length: usedSize(size) },
    ];
  }

  override get indices(): Readonly<Record<string, number>> {
    return { avail: this.avail, used: this.usedIdx };
  }
  override addressOf(what: RingField, index = 0): number {
    const { desc, driver, device, size } = this.options;
    switch (what) {
      case "descriptor":
        return desc + DESC_SIZE * index;
      case "availFlags":
        return driver + Avail.FLAGS;
      case "availIndex":
        return driver + Avail.IDX;
      case "availEntry":
        return driver + Avail.RING + 2 * (index % size);
      case "usedEvent":
        return driver + Avail.RING + 2 * size;
      case "usedFlags":
        return device + Used.FLAGS;
      case "usedIndex":
        return device + Used.IDX;
      case "usedEntry":
        return device + Used.RING + Used.ELEM_SIZE * (index % size);
      case "availEvent":
        return device + Used.RING + Used.ELEM_SIZE * size;
      default:
        throw new RangeError(`a split ring has no ${what}`);
    }
  }
  override wantsNotification(since: number): boolean {
    const count = this.published - since;
    if (count <= 0) return false;
    if (!this.options.eventIdx) {
      return (this.world.u16(this.addressOf("usedFlags")) & USED_F_NO_NOTIFY) === 0;
    }
    if (count > 0xffff) return true;
    return needEvent(this.world.u16(this.addressOf("availEvent")), this.avail, (this.avail - count) & 0xffff);
  }

  override syncAvailable(): void {
    const idx = this.world.u16(this.addressOf("availIndex"));
    const count = (idx - this.avail) & 0xffff;
    if (count === 0) return;
    if (count > this.size) {
      // No device could follow either: go on from there.
      this.avail = idx;
      return;
    }
    for (let i = 0; i < count; i++) {
      const position = this.avail;
      this.avail = (position + 1) & 0xffff;
      this.publish(position, this.world.u16(this.addressOf("availEntry", position)));
    }
    this.events.publishedBatch(count);
  }
  override syncUsed(): void {
    const idx = this.world.u16(this.addressOf("usedIndex"));
    const count = (idx - this.usedIdx) & 0xffff;
    if (count > this.size) {
      this.usedIdx = idx;
      return;
    }
    for (let i = 0; i < count; i++) {
      const at = this.addressOf("usedEntry", this.usedIdx);
      this.usedIdx = (this.usedIdx + 1) & 0xffff;
      this.finish(this.world.u32(at), this.world.u32(at + 4));
    }
  }

  private publish(position: number, head: number): void {
    const { world, options } = this;
    const { descriptors, segments, table, faults } = followSplit(
      world,
      options.desc,
      this.size,
      head,
      options.indirect,
    );
    faults.push(...faultsOfSegments(segments, world));
    const shared = descriptors.find((d) => this.owners[d] !== undefined);
    if (shared !== undefined) {
      const text = `descriptor ${shared} belongs to the chain of head ${
        this.owners[shared]!.id
      }, which is in flight`;
      faults.push({ kind: "shared", descriptor: this.addressOf("descriptor", shared), text });
    }
    const chain: Chain = {
      id: head,
      position,
      descriptors,
      segments,
      table,
      faults,
      publishedAt: world.time,
      number: this.published++,
      place: world.place(),
    };
    this.take(chain);
    this.events.published(chain);
  }
}
