import type { Scene, Watcher } from "../../rule.ts";
import type { QueueModel } from "../../model/queue.ts";
import { shownSegment } from "./segments.ts";

/** What a queue is for, to its driver: `receive`: all buffers are writable; `send`: none is. */
export type Direction = "receive" | "send" | undefined;

/** A watcher for chains that have a buffer of the other direction. @param expected what belongs in: `writable buffers alone`. */
export function watchDirection(scene: Scene, directionOf: (queue: QueueModel) => Direction): Watcher {
  return {
    published(queue, chain) {
      const direction = directionOf(queue);
      if (direction === undefined) return;
      const wrong = chain.segments.filter((s) => s.writable !== (direction === "receive"));
      if (wrong.length === 0) return;
      const [is, wanted] = direction === "receive" ? ["readable", "writable"] : ["writable", "readable"];
      scene.report({
        device: queue.device,
        queue,
        found: `a buffer of ${
          wrong[0].length
        } bytes that is ${is} for the device, ${wrong.length} of ${chain.segments.length} in the chain`,
        expected: `${wanted} buffers alone: the device ${direction === "receive" ? "fills" : "reads"} them`,
        evidence: wrong.slice(0, 4).map((s) => shownSegment(scene.machine, s)),
        place: chain.place,
      });
    },
  };
}
