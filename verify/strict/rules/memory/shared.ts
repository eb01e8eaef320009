import type { Chain } from "../../model/chain.ts";
import type { Owned, QueueModel } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { enabledQueues } from "./owners.ts";
import { chainName, descriptorAt, hex, plural } from "./support.ts";

interface Stretch {
  readonly address: number;
  readonly length: number;
  readonly what: Owned["what"];
  readonly descriptor: number;
}

/** Who else has a part of this in flight, in a way that matters: one of the two is written by a device. */
function other(
  scene: Scene,
  chain: Chain,
  s: Stretch,
): { queue: QueueModel; chain: Chain; what: string } | undefined {
  for (const queue of enabledQueues(scene)) {
    const owned = queue.ring!.ownerOf(s.address, s.length);
    if (owned === undefined || owned.chain === chain) continue;
    const tables = owned.what === "table" && s.what === "table";
    if (tables || owned.what === "writable buffer" || s.what === "writable buffer") {
      return { queue, ...owned };
    }
  }
  return undefined;
}

/** Memory that two chains in flight have at once. */
export const BUFFER_SHARED: Rule = {
  id: "buffer-shared",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.6",
  title: "Memory that a device writes is in one chain at a time, and each chain has a table of its own",
  hint: "The answers overwrite one another. Take a buffer, or a table, again when its chain has come back.",
  watch: (scene) => ({
    published(queue, chain) {
      const stretches: Stretch[] = chain.segments.map((s) => ({
        ...s,
        what: s.writable ? "writable buffer" : "readable buffer",
      }));
      if (chain.table !== undefined) {
        const descriptor = queue.ring!.addressOf("descriptor", chain.descriptors[0]);
        stretches.unshift({ ...chain.table, what: "table", descriptor });
      }
      for (const s of stretches) {
        const found = s.length === 0 ? undefined : other(scene, chain, s);
        if (found === undefined) continue;
        return scene.report({
          device: queue.device,
          queue,
          found:
            `${chainName(queue, chain)}: the ${s.what} of ${plural(s.length, "byte")} at ${
              hex(s.address)
            } shares ` +
            `bytes with the ${found.what} of ${
              chainName(found.queue, found.chain)
            } in ${found.queue.name}, in flight`,
          expected: "memory that no other chain in flight has",
          evidence: [descriptorAt(scene, queue, s.descriptor)],
          place: chain.place,
        });
      }
    },
  }),
};
