import { NetF } from "../../../../spec/virtio/features.ts";
import type { BufferView } from "../../events.ts";
import type { Chain } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { stretches } from "../support/segments.ts";
import { FrameStarts } from "./frame_starts.ts";
import { NetQueues } from "./queues.ts";

/** A buffer that continues a frame: it has no header. */
interface Continued {
  readonly queue: QueueModel;
  readonly chain: Chain;
  /** Bytes that the device wrote. */
  readonly written: number;
  /** Of the frame's buffers, counted from 1. */
  readonly number: number;
  /** The first byte that was read so far, from the start of the buffer; undefined: none. */
  lowest: number | undefined;
}

export const NET_RX_SKIPPED: Rule = {
  id: "net-rx-skipped",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 5.1.6.4",
  title:
    "The second and later buffers of a merged frame hold the frame from their first byte on: only the first has a header",
  hint:
    "Skip the header in the first buffer alone; a frame with a hole of 12 bytes at each seam comes from skipping it everywhere.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const starts = new FrameStarts(machine);
    const open = new Map<Chain, Continued>();

    const close = (c: Continued) => {
      open.delete(c.chain);
      if (c.lowest === undefined || c.lowest === 0) return;
      const [first] = stretches(c.chain, true, 0, Math.min(32, c.written));
      report({
        device: c.queue.device,
        queue: c.queue,
        found:
          `of the ${c.written} bytes in buffer ${c.number} of a frame the driver read from byte ${c.lowest} on, never those before`,
        expected: "all of them, from byte 0: there is no header",
        evidence: [{
          what: "start of the buffer",
          address: first.address,
          value: machine.hex(first.address, first.length),
        }],
      });
    };
    const closeAt = (address: number, length: number) => {
      for (const c of [...open.values()]) {
        if (
          stretches(c.chain, true, 0, c.written).some((s) => overlap(s.address, s.length, address, length))
        ) close(c);
      }
    };
    return {
      access: (access) => queues.access(access),
      used(queue, chain, _id, written) {
        if (queues.kindOf(queue) !== "receive" || !queue.device.has(NetF.MRG_RXBUF) || chain === undefined) {
          return;
        }
        const number = starts.next(queue, chain);
        if (number > 1 && written > 0) open.set(chain, { queue, chain, written, number, lowest: undefined });
      },
      read({ address, length, part }) {
        if (open.size === 0 || part !== undefined) return;
        for (const c of open.values()) {
          let at = 0;
          for (const s of stretches(c.chain, true, 0, c.written)) {
            if (overlap(s.address, s.length, address, length)) {
              const first = at + Math.max(0, address - s.address);
              if (c.lowest === undefined || first < c.lowest) c.lowest = first;
            }
            at += s.length;
          }
        }
      },
      published(_queue, chain) {
        for (const s of chain.segments) closeAt(s.address, s.length);
      },
      freed: (buffer: BufferView) => closeAt(buffer.phys, buffer.length),
      queueStopped(queue) {
        starts.forget(queue.device);
        forget(open, (c) => c.queue === queue);
      },
      reset(device) {
        starts.forget(device);
        forget(open, (c) => c.queue.device === device);
      },
      end() {
        for (const c of [...open.values()]) close(c);
      },
    };
  },
};

const overlap = (a: number, aLength: number, b: number, bLength: number): boolean =>
  a < b + bLength && b < a + aLength;
function forget(open: Map<Chain, Continued>, which: (c: Continued) => boolean): void {
  for (const [chain, c] of open) if (which(c)) open.delete(chain);
}
