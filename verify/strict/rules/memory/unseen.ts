import { F } from "../../../../spec/virtio/features.ts";
import { PackedDesc } from "../../../../spec/virtio/packed.ts";
import type { Chain, Segment } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { bytesAt, chainName, hex, overlap, plural, read16, together } from "./support.ts";

const PAGE = 4096;

/** A chain that came back; the driver cannot know it yet. */
interface Back {
  readonly queue: QueueModel;
  readonly chain: Chain;
  /** Split: how many chains the queue's device had used with it. Packed: where the used descriptor stands. */
  readonly at: number;
}

/**
 * Chains that the device has given back and the driver has not looked for since. Only on the simulated machine: when a
 * real device gave something back is known by the driver's own looks.
 */
class Unseen {
  private readonly backs = new Set<Back>();
  /** By page: how many of their buffers are there. */
  private readonly pages = new Map<number, number>();

  constructor(private readonly scene: Scene) {}

  readonly watcher: Watcher = {
    queueEnabled: (queue) => this.drop((b) => b.queue === queue),
    queueStopped: (queue) => this.drop((b) => b.queue === queue),
    used: (queue, chain) => {
      const ring = queue.ring!;
      if (chain === undefined || queue.device.has(F.IN_ORDER)) return;
      const n = chain.descriptors.length;
      const at = ring.kind === "split" ? ring.used : (ring.indices.used - n + ring.size) % ring.size;
      this.backs.add({ queue, chain, at });
      this.count(chain, 1);
    },
    read: (read) => {
      const queue = read.part?.queue;
      const ring = queue?.ring;
      if (ring === undefined || this.backs.size === 0) return;
      if (ring.kind === "split") {
        const idx = read.part!.area === "device"
          ? read16(this.scene, read, ring.addressOf("usedIndex"))
          : undefined;
        if (idx === undefined) return;
        const seen = ring.used - ((ring.indices.used - idx) & 0xffff);
        this.drop((b) => b.queue === queue && b.at <= seen);
      } else if (read.part!.area === "desc") {
        const slot = read.part!.offset >> 4;
        const flags = read16(this.scene, read, ring.addressOf("descriptor", slot) + PackedDesc.FLAGS);
        if (flags !== undefined) this.drop((b) => b.queue === queue && b.at === slot);
      }
    },
  };

  /** A buffer of such a chain at these bytes. */
  find(address: number, length: number): (Back & { segment: Segment }) | undefined {
    if (!this.pages.has(Math.floor(address / PAGE))) return undefined;
    for (const back of this.backs) {
      const segment = back.chain.segments.find((s) => overlap(s.address, s.length, address, length));
      // Given to the device again, it has other rules.
      if (segment !== undefined && !this.isHeld(address, length)) return { ...back, segment };
    }
    return undefined;
  }

  private isHeld(address: number, length: number): boolean {
    return this.scene.machine.devices.some((d) =>
      [...d.queues.values()].some((q) => q.enabled && q.ring?.ownerOf(address, length) !== undefined)
    );
  }
  private drop(which: (back: Back) => boolean): void {
    for (const back of this.backs) {
      if (!which(back)) continue;
      this.backs.delete(back);
      this.count(back.chain, -1);
    }
  }
  private count(chain: Chain, step: number): void {
    for (const s of chain.segments) {
      if (!this.scene.machine.isRam(s.address, Math.max(1, s.length))) continue;
      for (let page = Math.floor(s.address / PAGE); page * PAGE < s.address + s.length; page++) {
        const n = (this.pages.get(page) ?? 0) + step;
        if (n > 0) this.pages.set(page, n);
        else this.pages.delete(page);
      }
    }
  }
}

/** That a buffer is back already is luck as long as nobody has looked. */
export const BUFFER_UNSEEN: Rule = {
  id: "buffer-taken-unseen",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.14, 2.8.22",
  title: "A buffer is the driver's again when it has seen in the ring that it came back",
  hint:
    "Look at the used ring, or at the next descriptor's flags, before the buffer is written, read or freed: this time the " +
    "device happened to be quick.",
  watch(scene) {
    if (scene.machine.platform !== "simulated") return {};
    const unseen = new Unseen(scene);
    const look = (what: string, address: number, length: number) => {
      const found = unseen.find(address, length);
      if (found === undefined) return;
      const { queue, chain, segment } = found;
      if (what === "read" && !segment.writable) return;
      scene.report({
        device: queue.device,
        queue,
        found: `the driver ${what} ${plural(length, "byte")} at ${hex(address)}, in a ` +
          `${segment.writable ? "writable" : "readable"} buffer of ${
            chainName(queue, chain)
          }: it came back, and the driver ` +
          "has not looked since",
        expected: "a look at what the device has used before",
        evidence: [bytesAt(scene, "buffer", segment.address, segment.length)],
      });
    };
    return together({
      write: ({ address, length, part }) => part === undefined ? look("wrote", address, length) : undefined,
      read: ({ address, length, part }) => part === undefined ? look("read", address, length) : undefined,
      freed: (buffer) => look("freed", buffer.phys, buffer.length),
    }, unseen.watcher);
  },
};
