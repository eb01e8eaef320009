import type { GuestMemory } from "../guest_memory.ts";
import { Avail, DESC_SIZE, EventSuppr, Used } from "../../spec/mod.ts";
import type { DeviceQueueConfig } from "./queue_base.ts";
import { DeviceQueueError, hexOf } from "./queue_error.ts";

/** Where a queue stands, under QEMU's names. A queue that is enabled again without a reset goes on from there. */
export interface RingState {
  readonly lastAvail: number;
  readonly shadowAvail: number;
  readonly availWrap: boolean;
  readonly usedIdx: number;
  readonly usedWrap: boolean;
  readonly signalledUsed: number;
  readonly signalledValid: boolean;
  readonly notification: boolean;
  readonly inuse: number;
}

/** A queue that was never used. */
export const FRESH: RingState = {
  lastAvail: 0,
  shadowAvail: 0,
  availWrap: true,
  usedIdx: 0,
  usedWrap: true,
  signalledUsed: 0,
  signalledValid: false,
  notification: true,
  inuse: 0,
};

/** An area of a ring: a view of its region of guest memory, and its offset in it. */
export interface RingArea {
  readonly view: DataView;
  readonly offset: number;
}
/** The areas of a ring, found in guest memory for a queue of `size`. */
export interface RingAreas {
  readonly size: number;
  readonly desc: RingArea;
  readonly driver: RingArea;
  readonly device: RingArea;
}

/** Lengths of a ring's areas in bytes: descriptors, driver, device. The event index counts if it was negotiated. */
function areaLengths({ size, packed, eventIdx }: DeviceQueueConfig): [number, number, number] {
  if (packed) return [DESC_SIZE * size, EventSuppr.SIZE, EventSuppr.SIZE];
  const event = eventIdx ? 2 : 0;
  return [DESC_SIZE * size, Avail.RING + 2 * size + event, Used.RING + Used.ELEM_SIZE * size + event];
}

/**
 * Finds the areas of a ring in guest memory. One that starts in RAM must end in the same region; one that starts
 * elsewhere reads as zeros, and what is written there is lost, as in QEMU.
 *
 * @throws {DeviceQueueError} if an area runs out of RAM.
 */
export function mapRing(memory: GuestMemory, cfg: DeviceQueueConfig): RingAreas {
  const [desc, driver, device] = areaLengths(cfg);
  return {
    size: cfg.size,
    desc: mapArea(memory, cfg, "desc", desc),
    // QEMU looks in this order.
    device: mapArea(memory, cfg, "device", device),
    driver: mapArea(memory, cfg, "driver", driver),
  };
}

function mapArea(
  memory: GuestMemory,
  cfg: DeviceQueueConfig,
  area: "desc" | "driver" | "device",
  length: number,
): RingArea {
  const address = cfg[area];
  const [low, high] = [address | 0, Math.floor(address / 0x1_0000_0000) | 0];
  const offset = memory.locate(low, high, length);
  if (offset >= 0) {
    // Room for the event index whether or not it counts: a view ends where its region does.
    return { view: memory.current, offset };
  }
  if (memory.locate(low, high, 1) < 0) return { view: new DataView(new ArrayBuffer(length + 2)), offset: 0 };
  const qemu = { desc: "Cannot map desc", driver: "Cannot map avail", device: "Cannot map used" }[area];
  throw new DeviceQueueError(
    cfg.name,
    `${area} area at ${hexOf(address)}, length ${length}, lies outside guest memory`,
    "virtio 1.4, 4.1.4.3.2: the driver writes the addresses of its queue",
    qemu,
  );
}
