import { F } from "../../../../spec/virtio/features.ts";
import type { Chain } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Evidence } from "../../report.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { DriverAtFault } from "./driver_at_fault.ts";
import { bytesAt, PerQueue, together } from "./support.ts";

type Look = (queue: QueueModel, chain: Chain | undefined, id: number, written: number) => void;

/** Looks at what devices give back, in queues where the driver did nothing wrong. */
function watchUsed(scene: Scene, look: Look, more: Watcher = {}): Watcher {
  const fault = new DriverAtFault(scene);
  return together(fault.watcher, more, {
    used(queue, chain, id, written) {
      if (!fault.of(queue)) look(queue, chain, id, written);
    },
  });
}

/** The used entry that the device wrote last; a used descriptor is found by the driver's looks only. */
function lastUsed(scene: Scene, queue: QueueModel): Evidence[] {
  const ring = queue.ring!;
  if (ring.kind === "packed") return [];
  const entry = (ring.indices.used - 1) & 0xffff;
  return [bytesAt(scene, `used ring entry ${entry % ring.size}`, ring.addressOf("usedEntry", entry), 8)];
}

/** IN_ORDER: ids that came back, and are not in use again: by which number in the queue. */
class CameBack {
  private readonly numbers = new PerQueue(() => new Map<number, number>());

  readonly watcher: Watcher = {
    queueEnabled: (queue) => this.numbers.forget(queue),
    published: (queue, chain) => void this.numbers.of(queue).delete(chain.id),
    used: (queue, chain) => {
      if (chain !== undefined) this.numbers.of(queue).set(chain.id, chain.number);
    },
  };
  /** The number of a chain that a later one has taken back with it; undefined if it is no such chain. */
  number(queue: QueueModel, id: number): number | undefined {
    return queue.device.has(F.IN_ORDER) ? this.numbers.of(queue).get(id) : undefined;
  }
}

export const DEVICE_USED_ID: Rule = {
  id: "device-used-id",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.8, 2.8.13",
  title: "A device gives back chains that it has: the id it names is that of a chain in flight",
  hint:
    "This is the device's fault, not the driver's. A driver should nevertheless check the id before it uses it.",
  watch(scene) {
    const back = new CameBack();
    return watchUsed(scene, (queue, chain, id) => {
      if (chain !== undefined || back.number(queue, id) !== undefined) return;
      const known = [...queue.ring!.inFlight.keys()].slice(0, 16);
      scene.report({
        device: queue.device,
        queue,
        found: `the device gave back ${id}, which is not in flight`,
        expected: known.length === 0 ? "nothing, as it has no chain" : `one of ${known.join(", ")}`,
        evidence: lastUsed(scene, queue),
        place: [],
      });
    }, back.watcher);
  },
};

export const DEVICE_USED_LENGTH: Rule = {
  id: "device-used-length",
  clauses: [
    "devicenormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Used Ring#2",
  ],
  level: "violation",
  section: "virtio 1.4, 2.7.8.1",
  title: "A device reports no more bytes as written than the chain had for it to write",
  hint:
    "This is the device's fault, not the driver's. A driver should nevertheless not read beyond its buffers.",
  watch: (scene) =>
    watchUsed(scene, (queue, chain, id, written) => {
      if (chain === undefined) return;
      const room = chain.segments.reduce((n, s) => s.writable ? n + s.length : n, 0);
      if (written <= room) return;
      scene.report({
        device: queue.device,
        queue,
        found: `the device reports ${written} bytes in ${id}`,
        expected: `at most the ${room} that were writable`,
        evidence: lastUsed(scene, queue),
        place: [],
      });
    }),
};

export const DEVICE_IN_ORDER: Rule = {
  id: "device-in-order",
  clauses: ["devicenormative:Reserved Feature Bits#5"],
  level: "violation",
  section: "virtio 1.4, 6.2",
  title: "With VIRTIO_F_IN_ORDER a device gives chains back in the order in which it got them",
  hint: "This is the device's fault, not the driver's.",
  watch(scene) {
    const back = new CameBack();
    return watchUsed(scene, (queue, chain, id) => {
      const number = chain === undefined ? back.number(queue, id) : undefined;
      if (number === undefined) return;
      scene.report({
        device: queue.device,
        queue,
        found: `the device gave back ${id}, the chain number ${number} of the queue, after a later one`,
        expected: "chains in the order in which they were made available",
        evidence: lastUsed(scene, queue),
        place: [],
      });
    }, back.watcher);
  },
};

export const DEVICE_USED_INDEX: Rule = {
  id: "device-used-index",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.8",
  title: "A device moves the used index on by one for each chain that it gives back",
  hint:
    "This is the device's fault, not the driver's. A driver should nevertheless not believe more than it has in flight.",
  watch(scene) {
    const fault = new DriverAtFault(scene);
    return together(fault.watcher, {
      deviceWrite({ address, length, part }) {
        const ring = part?.queue.ring;
        if (ring?.kind !== "split" || part!.area !== "device" || fault.of(part!.queue)) return;
        // With IN_ORDER one entry may stand for many chains.
        if (part!.queue.device.has(F.IN_ORDER)) return;
        const field = ring.addressOf("usedIndex");
        if (address > field || address + length < field + 2) return;
        const now = scene.machine.u16(field), before = ring.indices.used;
        const step = (now - before) & 0xffff;
        if (step <= ring.inFlight.size) return;
        scene.report({
          device: part!.queue.device,
          queue: part!.queue,
          found: `the device set the used index from ${before} to ${now}`,
          expected: `at most ${ring.inFlight.size} more: so many chains are in flight`,
          evidence: [bytesAt(scene, "used ring: flags, idx", ring.addressOf("usedFlags"), 4)],
          place: [],
        });
      },
    });
  },
};
