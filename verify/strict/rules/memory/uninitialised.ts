import { ETHERNET_MINIMUM } from "../../../../inet/ethernet.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import type { Chain } from "../../model/chain.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { headerSize } from "../net/tx_packet.ts";
import { lengthOf } from "../support/segments.ts";
import { bytesAt, chainName, stretch } from "./support.ts";

/**
 * A device is shown bytes that nobody wrote. Where a driver counts on the allocator's zeros (a header that is all zero),
 * they are as good as written; a chain whose last readable byte was never written is longer than what is in it.
 */
export const UNWRITTEN_SENT: Rule = {
  id: "unwritten-bytes-sent",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.6",
  title: "What the device reads was written by the driver before: to the last byte",
  hint: "Is the length that of the data, or that of the whole buffer?",
  watch: (scene) => ({
    published(queue, chain) {
      const { machine } = scene;
      const wrong = chain.segments.findLast((s) => !s.writable);
      if (wrong === undefined || wrong.length === 0 || !machine.isRam(wrong.address, wrong.length)) return;
      if (machine.isInitialised(wrong.address + wrong.length - 1, 1)) return;
      if (isPadding(machine, queue, chain)) return;
      let first = wrong.length - 1;
      while (first > 0 && !machine.isInitialised(wrong.address + first - 1, 1)) first--;
      scene.report({
        device: queue.device,
        queue,
        found:
          `${chainName(queue, chain)}: of ${stretch(wrong)} that the device reads, nobody wrote those from ` +
          `offset ${first} on`,
        expected: `a length of ${first}, or bytes there`,
        evidence: [bytesAt(scene, "readable buffer", wrong.address, wrong.length)],
        place: chain.place,
      });
    },
  }),
};

/** A frame that was filled up with the allocator's zeros to the shortest that Ethernet knows. */
function isPadding(machine: MachineModel, { device }: QueueModel, chain: Chain): boolean {
  const length = lengthOf(chain, false);
  if (device.virtioId !== VirtioId.Net || length > headerSize(device) + ETHERNET_MINIMUM) return false;
  const { address, length: last } = chain.segments.findLast((s) => !s.writable)!;
  return machine.bytes(address, last).at(-1) === 0;
}
