import { NetF } from "../../../../spec/virtio/features.ts";
import {
  ETH_HEADER,
  NetConfig,
  receiveQueue,
  RX_BUFFER,
  RX_BUFFER_BIG,
} from "../../../../spec/virtio/net.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { Owed } from "../support/owed.ts";
import { lengthOf, shownSegment } from "../support/segments.ts";
import { isNet, NetQueues } from "./queues.ts";
import { headerSize } from "./tx_packet.ts";

const RX = "drivernormative:Device Types / Network Device / Device Operation / Setting Up Receive Buffers";
const CONFIG = "drivernormative:Device Types / Network Device / Device configuration layout";
const SECTION = "virtio 1.4, 5.1.6.3.1";
const BIG = NetF.GUEST_TSO4 | NetF.GUEST_TSO6 | NetF.GUEST_UFO | NetF.GUEST_USO4 | NetF.GUEST_USO6;

export const NET_RX_HEADER_FITS: Rule = {
  id: "net-rx-header-fits",
  clauses: [`${RX}#3`],
  level: "violation",
  section: SECTION,
  title: "Each receive buffer has room for the header at least",
  hint: "Count the whole struct virtio_net_hdr, with the fields that HASH_REPORT adds.",
  watch: ({ report }) => {
    const queues = new NetQueues();
    return {
      access: (access) => queues.access(access),
      published(queue, chain) {
        const length = lengthOf(chain, true), size = headerSize(queue.device);
        if (queues.kindOf(queue) !== "receive" || chain.faults.length > 0 || length >= size || length === 0) {
          return;
        }
        report({
          device: queue.device,
          queue,
          found: `a receive buffer of ${length} bytes`,
          expected: `${size} at least: the header with the negotiated features`,
          place: chain.place,
        });
      },
    };
  },
};

export const NET_RX_BUFFER_SIZE: Rule = {
  id: "net-rx-buffer-size",
  clauses: [`${RX}#1`, `${RX}#2`],
  level: "warning",
  section: SECTION,
  title: "Without MRG_RXBUF a receive buffer holds the longest frame there may be",
  hint:
    "1526 bytes, or 65601 with GUEST_TSO4, GUEST_TSO6, GUEST_UFO or GUEST_USO (8 more with HASH_REPORT); a frame that " +
    "does not fit is lost. Negotiate MRG_RXBUF to use smaller ones.",
  watch: ({ machine, report }) => {
    const queues = new NetQueues();
    return {
      access: (access) => queues.access(access),
      published(queue, chain) {
        const { device } = queue;
        if (queues.kindOf(queue) !== "receive" || chain.faults.length > 0 || device.has(NetF.MRG_RXBUF)) {
          return;
        }
        const length = lengthOf(chain, true);
        const wanted = (device.has(BIG) ? RX_BUFFER_BIG : RX_BUFFER) + (device.has(NetF.HASH_REPORT) ? 8 : 0);
        if (length >= wanted || length === 0) return;
        report({
          device,
          queue,
          found: `a receive buffer of ${length} bytes`,
          expected: `${wanted} at least, as MRG_RXBUF was not negotiated`,
          evidence: chain.segments.slice(0, 4).map((s) => shownSegment(machine, s)),
          place: chain.place,
        });
      },
    };
  },
};

export const NET_RX_ROOM: Rule = {
  id: "net-rx-room",
  clauses: [`${CONFIG}#8`],
  level: "violation",
  section: "virtio 1.4, 5.1.4.2",
  title: "With MTU there are receive buffers for a frame of mtu bytes and its Ethernet header",
  hint: "Compute the size of receive buffers from mtu: header, 14 bytes of Ethernet, mtu.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    const owed = new Owed(machine);
    /** The most room that a card's first receive queue had. */
    const best = new Map<DeviceModel, number>();
    return {
      access: (access) => queues.access(access),
      published(queue, chain) {
        const { device } = queue;
        const mtu = queues.config.u16(device, NetConfig.MTU);
        if (!isNet(device) || queue.index !== receiveQueue(0) || !device.has(NetF.MTU)) return;
        if (mtu === undefined || chain.faults.length > 0) return;
        const many = device.has(NetF.MRG_RXBUF);
        let room = lengthOf(chain, true);
        if (many) {
          room = 0;
          for (const other of queue.ring?.inFlight.values() ?? []) room += lengthOf(other, true);
        }
        room = Math.max(room, best.get(device) ?? 0);
        best.set(device, room);
        const wanted = headerSize(device) + ETH_HEADER + mtu;
        if (room >= wanted) owed.done(device, "room");
        else {
          owed.add(device, "room", () =>
            report({
              device,
              queue,
              found: `${many ? "all receive buffers together have" : "the largest receive buffer has"} ${
                best.get(device)
              } bytes`,
              expected: `${wanted} at least, as mtu is ${mtu}`,
              place: chain.place,
            }));
        }
      },
      reset(device) {
        owed.close(device);
        best.delete(device);
      },
      idle: () => owed.idle(),
      end: () => owed.close(),
    };
  },
};
