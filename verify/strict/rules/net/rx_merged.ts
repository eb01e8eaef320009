import { F, NetF } from "../../../../spec/virtio/features.ts";
import { NetHdr } from "../../../../spec/virtio/net.ts";
import type { BufferView } from "../../events.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { stretches } from "../support/segments.ts";
import { FrameStarts } from "./frame_starts.ts";
import { isNet, NetQueues } from "./queues.ts";

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
/** Bytes are no more what the device wrote. */
function gone(fields: Map<number, QueueModel>, address: number, length: number): void {
  if (length <= fields.size) { for (let at = address - 1; at < address + length; at++) fields.delete(at); }
  else for (const at of fields.keys()) if (overlap(address, length, at, 2)) fields.delete(at);
}
function forget(open: Map<Chain, Continued>, which: (c: Continued) => boolean): void {
  for (const [chain, c] of open) if (which(c)) open.delete(chain);
}

export const NET_RX_NUM_BUFFERS: Rule = {
  id: "net-rx-num-buffers",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 5.1.6.4",
  title: "num_buffers of a received frame is looked at only if MRG_RXBUF was negotiated",
  hint:
    "Without MRG_RXBUF a frame has one buffer whatever the field says: QEMU 7.2 does not write it, and there are cards " +
    "that write other values than 1.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    /** By address of the field: buffers that the device has used, and the driver has again. */
    const fields = new Map<number, QueueModel>();
    const fieldOf = (chain: Chain) => stretches(chain, true, NetHdr.NUM_BUFFERS, NetHdr.NUM_BUFFERS + 2)[0];
    const forgetDevice = (device: DeviceModel) => {
      for (const [at, queue] of fields) if (queue.device === device) fields.delete(at);
    };
    return {
      access: (access) => queues.access(access),
      used(queue, chain) {
        const { device } = queue;
        if (chain === undefined || device.has(NetF.MRG_RXBUF) || !device.has(F.VERSION_1)) return;
        const field = queues.kindOf(queue) === "receive" ? fieldOf(chain) : undefined;
        if (field?.length === 2) fields.set(field.address, queue);
      },
      read({ address, length }) {
        // Who copies a whole header, or a whole buffer, does not look at the field yet.
        const queue = length === 2 ? fields.get(address) : undefined;
        if (queue === undefined) return;
        report({
          device: queue.device,
          queue,
          found: `num_buffers was read: ${machine.u16(address)}`,
          expected: "one buffer for each frame, as MRG_RXBUF was not negotiated",
          evidence: [{ what: "num_buffers", address, value: machine.hex(address, 2) }],
        });
      },
      published(_queue, chain) {
        const field = fields.size > 0 ? fieldOf(chain) : undefined;
        if (field !== undefined) fields.delete(field.address);
      },
      write: ({ address, length }) => gone(fields, address, length),
      freed: (buffer: BufferView) => gone(fields, buffer.phys, buffer.length),
      queueStopped: (queue) => isNet(queue.device) && forgetDevice(queue.device),
      reset: forgetDevice,
    };
  },
};
