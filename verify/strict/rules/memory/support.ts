import type { Evidence } from "../../report.ts";
import type { Scene, Watcher } from "../../rule.ts";
import type { Chain, Segment } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";

/** `0x12f`. */
export const hex = (value: number): string => `0x${value.toString(16)}`;

/** `1 byte`, `3 bytes`. */
export const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** Bytes that evidence shows of one place, at most. */
const SHOWN = 32;

/** Bytes of memory as they stand now. */
export function bytesAt(scene: Scene, what: string, address: number, length: number): Evidence {
  return { what, address, value: scene.machine.hex(address, Math.min(length, SHOWN)) };
}

/** A descriptor's 16 bytes, named by its index where it lies in the queue's own table. */
export function descriptorAt(scene: Scene, queue: QueueModel, address: number): Evidence {
  const index = (address - queue.desc) / 16;
  const own = queue.ring !== undefined && index >= 0 && index < queue.ring.size;
  return bytesAt(scene, own ? `descriptor ${index}` : "descriptor of the indirect table", address, 16);
}

/** `chain of head 3` or, in a packed ring, `buffer 3`. */
export const chainName = (queue: QueueModel, chain: Chain): string =>
  queue.ring?.kind === "packed" ? `buffer ${chain.id}` : `the chain of head ${chain.id}`;

/** Whether two stretches have a byte in common. */
export const overlap = (a: number, aLength: number, b: number, bLength: number): boolean =>
  a < b + bLength && b < a + aLength;

/** Where a segment is, for a text: `32 bytes at 0x104000`. */
export const stretch = (s: Pick<Segment, "address" | "length">): string =>
  `${plural(s.length, "byte")} at ${hex(s.address)}`;

/** State that a watcher keeps for each queue, from one enabling to the next. */
export class PerQueue<T> {
  private readonly states = new Map<QueueModel, T>();

  constructor(private readonly make: (queue: QueueModel) => T) {}

  of(queue: QueueModel): T {
    let state = this.states.get(queue);
    if (state === undefined) this.states.set(queue, state = this.make(queue));
    return state;
  }
  /** The queue starts, or has stopped: what was kept is void. */
  forget(queue: QueueModel): void {
    this.states.delete(queue);
  }
  /** All queues of a device. */
  forgetDevice(device: QueueModel["device"]): void {
    for (const queue of this.states.keys()) if (queue.device === device) this.states.delete(queue);
  }
  entries(): IterableIterator<[QueueModel, T]> {
    return this.states.entries();
  }
}

/** New value of a 16-bit field that a write of the driver covers as a whole, or undefined. */
export function written16(
  scene: Scene,
  write: { address: number; length: number },
  field: number,
): number | undefined {
  return write.address < field + 2 && write.address + write.length > field
    ? scene.machine.u16(field)
    : undefined;
}

/** What stood in a 16-bit field before a write that covers it; undefined where that is not known. */
export function before16(
  write: { address: number; length: number; before: number | undefined },
  field: number,
): number | undefined {
  const shift = 8 * (field - write.address);
  if (write.before === undefined || shift < 0 || shift + 16 > 8 * write.length) return undefined;
  return write.before >>> shift & 0xffff;
}

/** What a read gave of a 16-bit field, if it covers the field; a long read gives no value: what stands there now. */
export function read16(
  scene: Scene,
  read: { address: number; length: number; value: number | undefined },
  field: number,
): number | undefined {
  if (read.address > field || read.address + read.length < field + 2) return undefined;
  return read.value === undefined
    ? scene.machine.u16(field)
    : read.value >>> 8 * (field - read.address) & 0xffff;
}

/** One watcher of several: each is told what it listens to. */
export function together(...watchers: readonly Watcher[]): Watcher {
  const all: Record<string, (...args: unknown[]) => void> = {};
  for (const watcher of watchers) {
    for (const [key, handler] of Object.entries(watcher) as [string, (...args: unknown[]) => void][]) {
      const before = all[key];
      all[key] = before === undefined ? handler : (...args) => {
        before(...args);
        handler(...args);
      };
    }
  }
  return all as Watcher;
}

/** A watcher that is told nothing unless `wanted`. */
export function onlyIf(wanted: () => boolean, watcher: Watcher): Watcher {
  const handlers = Object.entries(watcher) as [string, (...args: unknown[]) => void][];
  return Object.fromEntries(handlers.map(([key, handler]) => [key, (...args: unknown[]) => {
    if (wanted()) handler(...args);
  }])) as Watcher;
}

/** Whether a write of the driver changed anything: a store of what stood there does not. Long writes count as changes. */
export function changes(
  scene: Scene,
  write: { address: number; length: number; before: number | undefined },
): boolean {
  if (write.before === undefined) return true;
  let now = 0;
  for (let i = write.length - 1; i >= 0; i--) now = now * 256 + scene.machine.u8(write.address + i);
  return now !== write.before;
}
