import { NetF } from "../../../../spec/virtio/features.ts";
import { ETH_HEADER } from "../../../../spec/virtio/net.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { Areas } from "../support/areas.ts";
import { stretches } from "../support/segments.ts";
import { FrameStarts } from "./frame_starts.ts";
import { NetQueues } from "./queues.ts";
import { headerSize } from "./tx_packet.ts";

/** Buffers that were left unread before it is told: a driver may drop a frame after a look at its beginning. */
const MANY = 3;

/** A frame in several buffers. */
interface Frame {
  readonly queue: QueueModel;
  /** More than headers was read of its first buffer. */
  begun: boolean;
}
/** A buffer of a frame. */
interface Part {
  readonly frame: Frame;
  /** Counted from 1. */
  readonly number: number;
}

export const NET_RX_REST: Rule = {
  id: "net-rx-rest-unread",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 5.1.6.4",
  title: "With MRG_RXBUF all buffers of a frame are read, not only the first",
  hint:
    "num_buffers of the header says how many used buffers belong to the frame, the first counted: take them all, and put " +
    "them together.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const starts = new FrameStarts(machine);
    const parts = new Areas<Part>();
    const current = new Map<QueueModel, Frame>();
    /** By queue: later buffers that were given back unread; `undefined` as soon as one was read. */
    const unread = new Map<QueueModel, number | undefined>();
    const close = (address: number, length: number) => {
      for (const { about } of parts.overlapping(address, length)) {
        parts.drop((p) => p === about);
        const { frame: { queue, begun }, number } = about;
        if (number === 1 || !begun || unread.has(queue) && unread.get(queue) === undefined) continue;
        const count = (unread.get(queue) ?? 0) + 1;
        unread.set(queue, count);
        if (count !== MANY) continue;
        report({
          device: queue.device,
          queue,
          found:
            `${MANY} buffers that continue a frame were given back unread, after the frame's first was read`,
          expected: "the whole frame, from as many buffers as num_buffers says",
        });
      }
    };
    const forget = (device: DeviceModel) => {
      starts.forget(device);
      parts.drop((p) => p.frame.queue.device === device);
      for (const map of [current, unread]) {
        for (const queue of [...map.keys()]) if (queue.device === device) map.delete(queue);
      }
    };
    return {
      access: (access) => queues.access(access),
      used(queue, chain, _id, written) {
        if (chain === undefined || !queue.device.has(NetF.MRG_RXBUF) || queues.kindOf(queue) !== "receive") {
          return;
        }
        const number = starts.next(queue, chain);
        if (number === 1) current.set(queue, { queue, begun: false });
        const frame = current.get(queue)!;
        const from = number === 1 ? headerSize(queue.device) + ETH_HEADER : 0;
        for (const s of stretches(chain, true, from, written)) {
          parts.add(s.address, s.length, { frame, number });
        }
      },
      read({ address, length, part }) {
        if (part !== undefined) return;
        for (const { about: { frame, number } } of parts.overlapping(address, length)) {
          if (number === 1) frame.begun = true;
          else {
            unread.set(frame.queue, undefined);
            parts.drop((p) => p.frame === frame);
          }
        }
      },
      published(_queue, chain) {
        for (const s of chain.segments) close(s.address, s.length);
      },
      freed: ({ phys, length }) => parts.cut(phys, length),
      queueStopped: ({ device }) => forget(device),
      reset: forget,
    };
  },
};
