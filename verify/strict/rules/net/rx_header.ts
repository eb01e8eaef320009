import { NetF } from "../../../../spec/virtio/features.ts";
import { ETH_HEADER, NetHdr } from "../../../../spec/virtio/net.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Chain } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { Rule, Watcher } from "../../rule.ts";
import { Areas } from "../support/areas.ts";
import { stretches } from "../support/segments.ts";
import { FrameStarts } from "./frame_starts.ts";
import { NetQueues } from "./queues.ts";
import { headerSize } from "./tx_packet.ts";

/** A received frame's first buffer, in the driver's hands. */
interface Received {
  readonly queue: QueueModel;
  readonly chain: Chain;
  /** Guest-physical address of the header. */
  readonly header: number;
  readonly size: number;
  flagsRead: boolean;
  frameRead: boolean;
}

/** A watcher of what a driver reads of frames: of each first buffer, from when it was used until it is given back. */
function watchFrames(
  machine: MachineModel,
  on: { read?(frame: Received, from: number, length: number): void; done?(frame: Received): void },
): Watcher {
  const queues = new NetQueues();
  const starts = new FrameStarts(machine);
  const open = new Areas<Received>();
  const close = (address: number, length: number, tell: boolean) => {
    for (const area of open.overlapping(address, length)) {
      open.remove(area);
      if (tell) on.done?.(area.about);
    }
  };
  const forget = (device: DeviceModel) => {
    open.drop((r) => r.queue.device === device);
    starts.forget(device);
  };
  return {
    access: (access) => queues.access(access),
    used(queue, chain, _id, written) {
      if (chain === undefined || queues.kindOf(queue) !== "receive") return;
      if (!starts.isFirst(queue, chain) || written <= headerSize(queue.device)) return;
      // A header in several buffers is read as its driver likes.
      const size = headerSize(queue.device), [first] = stretches(chain, true, 0, written);
      if (first === undefined || first.length < size + ETH_HEADER) return;
      const received: Received = {
        ...{ queue, chain, size, header: first.address },
        flagsRead: false,
        frameRead: false,
      };
      open.add(first.address, first.length, received);
    },
    read({ address, length, part }) {
      if (part !== undefined) return;
      for (const { about } of open.overlapping(address, length)) {
        on.read?.(about, address - about.header, length);
      }
    },
    published(_queue, chain) {
      for (const s of chain.segments) close(s.address, s.length, true);
    },
    freed: ({ phys, length }) => close(phys, length, false),
    queueStopped: ({ device }) => forget(device),
    reset: forget,
  };
}

export const NET_RX_HEADER_SIZE: Rule = {
  id: "net-rx-header-size",
  clauses: [
    "drivernormative:Device Types / Network Device / Device Operation / Setting Up Receive Buffers#4",
  ],
  level: "violation",
  section: "virtio 1.4, 5.1.6.3.1",
  title: "A received frame begins behind the header, whose size the negotiated features fix",
  hint:
    "With VERSION_1 the header has 12 bytes even without MRG_RXBUF (10 only on the legacy interface); HASH_REPORT " +
    "makes it 20.",
  watch: ({ machine, report }) =>
    watchFrames(machine, {
      read({ queue, header, size }, from, length) {
        // What copies all, or the fields one by one, begins or ends elsewhere.
        if (from <= 0 || from >= size || from + length < size + ETH_HEADER || length < ETH_HEADER) return;
        report({
          device: queue.device,
          queue,
          found:
            `the frame was read from byte ${from} of the buffer on, ${length} bytes: that is within the header`,
          expected: `the frame at byte ${size}`,
          evidence: [{ what: "header of the frame", address: header, value: machine.hex(header, size) }],
        });
      },
    }),
};

export const NET_RX_FLAGS: Rule = {
  id: "net-rx-flags",
  clauses: [
    "drivernormative:Device Types / Network Device / Device Operation / Processing of Incoming Packets#7",
  ],
  level: "warning",
  section: "virtio 1.4, 5.1.6.4.2",
  title: "With GUEST_CSUM the flags of a received frame say what its checksum is worth, and are looked at",
  hint:
    "NEEDS_CSUM (1): the field holds the sum of the pseudo header alone, and the frame is as good as checked. DATA_VALID " +
    "(2): the device has checked it. Neither: the driver checks it. Who does not look must not negotiate GUEST_CSUM.",
  watch: ({ machine, report }) =>
    watchFrames(machine, {
      read(frame, from, length) {
        if (from <= NetHdr.FLAGS && from + length > NetHdr.FLAGS) frame.flagsRead = true;
        if (from + length > frame.size + ETH_HEADER) frame.frameRead = true;
      },
      done({ queue, header, size, flagsRead, frameRead }) {
        if (flagsRead || !frameRead || !queue.device.has(NetF.GUEST_CSUM)) return;
        report({
          device: queue.device,
          queue,
          found: "a frame was read, and given back without a look at the flags of its header",
          expected: "a look at byte 0 of the header, as GUEST_CSUM was negotiated",
          evidence: [{ what: "header, as it was left", address: header, value: machine.hex(header, size) }],
        });
      },
    }),
};
