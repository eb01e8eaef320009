import type { QueueModel } from "../../model/queue.ts";
import type { Scene, Watcher } from "../../rule.ts";

/** Which queues a device has, and why: `queues 0 and 1, as MQ was not negotiated`. */
export interface Existing {
  readonly exists: boolean;
  readonly which: string;
}

/** A watcher for chains in queues that there are not. @param look undefined: it cannot be told. */
export function watchExisting(
  { report }: Scene,
  look: (queue: QueueModel) => Existing | undefined,
): Pick<Watcher, "published"> {
  return {
    published(queue, chain) {
      const existing = look(queue);
      if (existing === undefined || existing.exists) return;
      report({
        device: queue.device,
        queue,
        found: `a buffer in queue ${queue.index}`,
        expected: existing.which,
        place: chain.place,
      });
    },
  };
}
