import { F, NetF } from "../../../../spec/virtio/features.ts";
import { NetHdr } from "../../../../spec/virtio/net.ts";
import type { BufferView } from "../../events.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { stretches } from "../support/segments.ts";
import { isNet, NetQueues } from "./queues.ts";

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

const overlap = (a: number, aLength: number, b: number, bLength: number): boolean =>
  a < b + bLength && b < a + aLength;
/** Bytes are no more what the device wrote. */
function gone(fields: Map<number, QueueModel>, address: number, length: number): void {
  if (length <= fields.size) { for (let at = address - 1; at < address + length; at++) fields.delete(at); }
  else for (const at of fields.keys()) if (overlap(address, length, at, 2)) fields.delete(at);
}
