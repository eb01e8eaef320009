import { NetF } from "../../../../spec/virtio/features.ts";
import { ETH_HEADER, NetHdr, NetHdrF } from "../../../../spec/virtio/net.ts";
import type { Rule } from "../../rule.ts";
import { lengthOf, shownBytes } from "../support/segments.ts";
import { NetQueues } from "./queues.ts";
import { headerSize, otherHeaderSize } from "./tx_packet.ts";
import { hex, transmitRule } from "./tx_rule.ts";

const TX = "drivernormative:Device Types / Network Device / Device Operation / Packet Transmission";
const RX = "drivernormative:Device Types / Network Device / Device Operation / Setting Up Receive Buffers";
const SECTION = "virtio 1.4, 5.1.6.2";

export const NET_TX_HEADER_SIZE: Rule = {
  id: "net-tx-header-size",
  clauses: [`${TX}#1`, `${RX}#4`],
  level: "violation",
  section: "virtio 1.4, 5.1.6.2.1",
  title: "A frame to send follows a header whose size the negotiated features fix",
  hint:
    "With VERSION_1 the header has 12 bytes even without MRG_RXBUF (10 only on the legacy interface); HASH_REPORT " +
    "makes it 20. Is the header part of the buffer, and is the frame written behind all of it?",
  watch({ machine, report }) {
    const queues = new NetQueues();
    return {
      access: (access) => queues.access(access),
      published(queue, chain) {
        if (queues.kindOf(queue) !== "transmit" || chain.faults.length > 0) return;
        // What is writable belongs into another queue, or shall be readable: a rule of its own.
        if (chain.segments.some((s) => s.writable)) return;
        const { device } = queue;
        const size = headerSize(device), total = lengthOf(chain, false);
        const other = otherHeaderSize(machine, queues, queue, chain);
        if (total >= size + ETH_HEADER && other === undefined) return;
        report({
          device,
          queue,
          found: other !== undefined
            ? `the frame begins at byte ${other}: there is the card's own address as its source`
            : `a buffer of ${total} bytes`,
          expected: other !== undefined
            ? `the frame at byte ${size}, behind the header`
            : `${size} bytes of header and an Ethernet header of ${ETH_HEADER} at least`,
          evidence: shownBytes(machine, chain, false, "start of the buffer", 0, size + ETH_HEADER),
          place: chain.place,
        });
      },
    };
  },
};

export const NET_TX_NUM_BUFFERS = transmitRule(
  {
    id: "net-tx-num-buffers",
    clauses: [`${TX}#2`],
    level: "violation",
    section: SECTION,
    title: "num_buffers is 0 in frames to send",
    hint: "The field means something in received frames only. Is the header cleared before it is used again?",
  },
  ({ packet }) =>
    packet.numBuffers === undefined || packet.numBuffers === 0 ? undefined : {
      found: `num_buffers (bytes ${NetHdr.NUM_BUFFERS} and ${
        NetHdr.NUM_BUFFERS + 1
      }) is ${packet.numBuffers}`,
      expected: "0",
    },
);

export const NET_TX_FLAGS_WITHOUT_CSUM = transmitRule(
  {
    id: "net-tx-flags-without-csum",
    clauses: [`${TX}#3`],
    level: "violation",
    section: SECTION,
    title: "Without CSUM the flags of a frame to send are 0: the device completes no checksum",
    hint:
      "Ask for a checksum only if VIRTIO_NET_F_CSUM is among the negotiated features, not merely offered.",
  },
  ({ packet, device }) =>
    device.has(NetF.CSUM) || packet.flags === 0 ? undefined : {
      found: `flags are ${hex(packet.flags)}, and CSUM was not negotiated`,
      expected: "flags 0, and a frame whose checksums are complete",
    },
);

/** Bits that mean something in one direction only, or need a feature. */
const FROM_DEVICE = NetHdrF.DATA_VALID | NetHdrF.RSC_INFO | NetHdrF.SECURITY_ERR |
  NetHdrF.SECURITY_SA_SOFT_EXPIRY_WARN;

export const NET_TX_FLAGS = transmitRule(
  {
    id: "net-tx-flags",
    clauses: [`${TX}#45`, `${TX}#46`, `${TX}#22`, `${TX}#43`],
    level: "violation",
    section: SECTION,
    title: "Flags of a frame to send are those that the driver may set, with features that were negotiated",
    hint:
      "DATA_VALID (2) and RSC_INFO (4) are the device's, in received frames. A received header must not be sent back.",
  },
  ({ packet, device }) => {
    if (packet.flags !== 0 && !device.has(NetF.CSUM)) return undefined;
    let wrong = packet.flags & (FROM_DEVICE | 0x80);
    if (!device.has(NetF.HOST_UDP_TUNNEL_GSO_CSUM)) wrong |= packet.flags & NetHdrF.UDP_TUNNEL_CSUM;
    if (!device.has(NetF.IPSEC)) wrong |= packet.flags & NetHdrF.SECURITY;
    return wrong === 0 ? undefined : {
      found: `flags are ${hex(packet.flags)}`,
      expected: `bits ${
        hex(wrong)
      } clear: the device sets them, or they need a feature that was not negotiated`,
    };
  },
);
