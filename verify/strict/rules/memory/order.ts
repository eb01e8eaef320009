import { Barrier } from "../../../../arch/device_memory.ts";
import { F } from "../../../../spec/virtio/features.ts";
import type { DriverWrite } from "../../events.ts";
import type { Evidence } from "../../report.ts";
import type { Finding, Scene, Watcher } from "../../rule.ts";
import type { Chain } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import { bytesAt, chainName, descriptorAt, overlap, stretch } from "./support.ts";

/** What a barrier orders; a general one orders everything. */
export type Orders = "read" | "write" | "general";

/** Nothing ordered it yet; or only a barrier between CPUs did, which a device behind ORDER_PLATFORM may not heed. */
export type Openness = "open" | "smp";

/** Whether a barrier of this kind orders what is asked. */
export function orders(kind: Barrier, what: Orders): boolean {
  if (kind === Barrier.SmpGeneral || kind === Barrier.DmaGeneral) return true;
  if (what === "read") return kind === Barrier.SmpRead || kind === Barrier.DmaRead;
  return what === "write" && (kind === Barrier.SmpWrite || kind === Barrier.DmaWrite);
}

/** Whether devices, too, heed it (virtio 1.4, 6: VIRTIO_F_ORDER_PLATFORM). */
export const forDevices = (kind: Barrier): boolean => kind >= Barrier.DmaRead;

/** Whether a device is ordered as the platform orders devices. */
export const orderPlatform = (queue: QueueModel): boolean => queue.device.has(F.ORDER_PLATFORM);

/** The end of each hint: why nothing goes wrong here. */
export const REAL_CPU =
  "The simulator runs everything in order, so nothing goes wrong here; a real CPU or compiler " +
  "may swap the two accesses.";

/** Things that wait for a barrier. */
export class AwaitingBarrier<K> {
  private readonly waiting = new Map<K, Openness>();

  constructor(private readonly what: Orders) {}

  add(key: K): void {
    this.waiting.set(key, "open");
  }
  drop(key: K): void {
    this.waiting.delete(key);
  }
  barrier(kind: Barrier): void {
    if (this.waiting.size === 0 || !orders(kind, this.what)) return;
    if (forDevices(kind)) this.waiting.clear();
    else for (const key of this.waiting.keys()) this.waiting.set(key, "smp");
  }
  /** Undefined: a barrier ordered it. */
  state(key: K): Openness | undefined {
    return this.waiting.get(key);
  }
}

/** Stores that are remembered between two barriers. */
const REMEMBERED = 2048;

interface Store {
  readonly address: number;
  length: number;
  openness: Openness;
}

/** What the driver wrote since its last write barrier. */
export class Stores {
  private stores: Store[] = [];
  private last: Store | undefined;

  constructor(private readonly scene: Scene) {}

  write(write: DriverWrite): void {
    this.keep();
    this.last = { address: write.address, length: write.length, openness: "open" };
  }
  barrier(kind: Barrier): void {
    if (!orders(kind, "write")) return;
    this.keep();
    if (forDevices(kind) || !this.scene.machine.devices.some((d) => d.has(F.ORDER_PLATFORM))) {
      this.stores = [];
    } else for (const store of this.stores) store.openness = "smp";
  }
  /**
   * Whether a write to these bytes is not ordered before the write that was told of last: that publishes something. It
   * counts itself only if it is longer than a field: then it wrote what it publishes in one go.
   */
  openness(address: number, length: number): Openness | undefined {
    let found: Openness | undefined;
    const { last } = this;
    if (last !== undefined && last.length > 4 && overlap(last.address, last.length, address, length)) {
      return "open";
    }
    for (const s of this.stores) {
      if (!overlap(s.address, s.length, address, length)) continue;
      if (s.openness === "open") return "open";
      found = "smp";
    }
    return found;
  }

  private keep(): void {
    const { last, stores } = this;
    this.last = undefined;
    if (last === undefined) return;
    const before = stores.at(-1);
    if (before?.openness === "open" && before.address + before.length === last.address) {
      before.length += last.length;
    } else stores.push(last);
    if (stores.length > REMEMBERED) stores.shift();
  }
}

/** What of a chain was written without a write barrier before it became visible, as a finding without words of a rule. */
export function unorderedPart(
  scene: Scene,
  stores: Stores,
  queue: QueueModel,
  chain: Chain,
  wanted: Openness,
): Pick<Finding, "found" | "evidence"> | undefined {
  const ring = queue.ring!;
  const parts: { what: string; address: number; length: number; evidence: () => Evidence }[] = [];
  for (const d of chain.descriptors) {
    const address = ring.addressOf("descriptor", d);
    parts.push({
      what: `descriptor ${d}`,
      address,
      length: 16,
      evidence: () => descriptorAt(scene, queue, address),
    });
  }
  if (ring.kind === "split") {
    const entry = ring.addressOf("availEntry", chain.position);
    const what = `available ring entry ${chain.position % ring.size}`;
    parts.push({ what, address: entry, length: 2, evidence: () => bytesAt(scene, what, entry, 2) });
  }
  if (chain.table !== undefined) {
    const { address, length } = chain.table;
    parts.push({
      what: "the indirect table",
      address,
      length,
      evidence: () => bytesAt(scene, "indirect table", address, length),
    });
  }
  for (const s of chain.segments) {
    if (s.writable || s.length === 0) continue;
    const what = `the buffer of ${stretch(s)}`;
    parts.push({
      what,
      address: s.address,
      length: s.length,
      evidence: () => bytesAt(scene, "buffer", s.address, s.length),
    });
  }
  for (const part of parts) {
    if (stores.openness(part.address, part.length) !== wanted) continue;
    return {
      found: `${chainName(queue, chain)}: ${part.what} was written after the last write barrier${
        wanted === "smp" ? " that devices heed" : ""
      }`,
      evidence: [part.evidence()],
    };
  }
  return undefined;
}

/** Reports chains of one kind of ring whose bytes are not ordered before what makes them visible. */
export function watchPublished(
  scene: Scene,
  ring: "split" | "packed",
  wanted: Openness,
  expected: string,
): Watcher {
  const stores = new Stores(scene);
  return {
    write: (write) => stores.write(write),
    barrier: (kind) => stores.barrier(kind),
    published(queue, chain) {
      if (queue.ring?.kind !== ring || wanted === "smp" && !orderPlatform(queue)) return;
      const part = unorderedPart(scene, stores, queue, chain, wanted);
      if (part === undefined) return;
      scene.report({ device: queue.device, queue, ...part, expected, place: chain.place });
    },
  };
}
