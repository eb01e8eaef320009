import { NetF } from "../../../spec/virtio/features.ts";
import { NetGso, NetHdr, NetHdrF } from "../../../spec/virtio/net.ts";
import { type Hands, type Mistake } from "../mistake.ts";

const CSUM = { devices: ["net"], props: "x-vnet-hdr=on", wants: NetF.CSUM } as const;
const TSO = { ...CSUM, wants: NetF.CSUM | NetF.HOST_TSO4 } as const;

/** Ethernet, IPv4 and the transport's header begin here. */
const IP = 14, TRANSPORT = 34;
const IP_CHECKSUM = IP + 10, UDP_CHECKSUM = TRANSPORT + 6, TCP_FLAGS = TRANSPORT + 13;

/** Frames whose checksum, or whose cutting, is left to the device (virtio 1.4, 5.1.6.2). */
export const NET_OFFLOAD_MISTAKES: readonly Mistake[] = [
  {
    id: "net-checksum-left-over-arp",
    what: "the header of a frame before is used again: the device is to fill in a checksum of an ARP packet",
    on: CSUM,
    plant: ({ net }) =>
      net.fillHeader = (header) => {
        net.ground.memory.writeU8(header.offset + NetHdr.FLAGS, NetHdrF.NEEDS_CSUM);
        net.ground.memory.writeU16(header.offset + NetHdr.CSUM_START, TRANSPORT);
        net.ground.memory.writeU16(header.offset + NetHdr.CSUM_OFFSET, 6);
      },
    expect: { rule: "net-tx-checksum-place", found: /in an ARP packet/ },
  },
  {
    id: "net-checksum-left-over-icmp",
    what:
      "the header of a frame before is used again: the device is to fill in TCP's checksum in an ICMP message",
    on: CSUM,
    plant: (hands) => send(hands, ipv4(1, 40), needsChecksum(16)),
    expect: { rule: "net-tx-checksum-place", found: /in an ICMP message/ },
  },
  {
    id: "net-pseudo-header-missing",
    what: "the device is to fill in a checksum, and its field does not hold the sum over the pseudo header",
    on: CSUM,
    plant: (hands) => send(hands, udp(), needsChecksum(6)),
    expect: { rule: "net-tx-pseudo-header", found: /bytes 40 and 41/ },
  },
  {
    id: "net-ip-checksum-missing",
    what: "the device is to fill in UDP's checksum, and that of IPv4's header is left out",
    on: CSUM,
    plant: (hands) => {
      const frame = udp();
      frame.setUint16(UDP_CHECKSUM, pseudoHeader(frame));
      frame.setUint16(IP_CHECKSUM, 0);
      send(hands, frame, needsChecksum(6));
    },
    expect: { rule: "net-tx-ip-checksum" },
  },
  {
    id: "net-checksum-left-out",
    what: "a frame without offload has a wrong checksum",
    on: CSUM,
    plant: (hands) => {
      const frame = udp();
      frame.setUint16(UDP_CHECKSUM, 0x1234);
      send(hands, frame, {});
    },
    expect: { rule: "net-tx-complete", found: /0x1234/ },
  },
  {
    id: "net-header-length-too-small",
    what: "hdr_len of a frame to be cut is that of the IP header",
    on: TSO,
    plant: (hands) =>
      send(hands, tcp(), { ...needsChecksum(16), ...toCut(NetGso.TCPV4), [NetHdr.HDR_LEN]: 20 }),
    expect: { rule: "net-tx-hdr-len", found: /is 20/ },
  },
  {
    id: "net-ecn-without-feature",
    what: "a frame to be cut has the ECN bit, though HOST_ECN was not negotiated",
    on: TSO,
    plant: (hands) => send(hands, tcp(), { ...needsChecksum(16), ...toCut(NetGso.TCPV4 | NetGso.ECN) }),
    expect: { rule: "net-tx-gso-ecn-feature", found: /0x81/ },
  },
  {
    id: "net-cwr-without-feature",
    what: "a frame to be cut has CWR among its TCP flags, though HOST_ECN was not negotiated",
    on: TSO,
    plant: (hands) => {
      const frame = tcp();
      frame.setUint8(TCP_FLAGS, 0x98);
      send(hands, frame, { ...needsChecksum(16), ...toCut(NetGso.TCPV4) });
    },
    expect: { rule: "net-tx-gso-ecn-feature", found: /CWR/ },
  },
];

/** Sends one frame with this header, 16-bit fields by their offset. */
function send({ net }: Hands, frame: DataView<ArrayBuffer>, header: Record<number, number>): void {
  net.work = () => net.transmit(new Uint8Array(frame.buffer));
  net.fillHeader = ({ offset }) => {
    for (const [at, value] of Object.entries(header)) net.ground.memory.writeU16(offset + Number(at), value);
  };
}

/** @param offset of the checksum in the transport's header. */
function needsChecksum(offset: number): Record<number, number> {
  return { [NetHdr.FLAGS]: NetHdrF.NEEDS_CSUM, [NetHdr.CSUM_START]: TRANSPORT, [NetHdr.CSUM_OFFSET]: offset };
}
function toCut(type: number): Record<number, number> {
  return {
    [NetHdr.FLAGS]: NetHdrF.NEEDS_CSUM | type << 8,
    [NetHdr.HDR_LEN]: TRANSPORT + 20,
    [NetHdr.GSO_SIZE]: 1000,
  };
}

/** An IPv4 packet from the card's address to 10.0.2.2, with the sum over its header. */
function ipv4(protocol: number, payload: number): DataView<ArrayBuffer> {
  const frame = new DataView(new ArrayBuffer(TRANSPORT + payload));
  const mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
  for (let i = 0; i < 6; i++) {
    frame.setUint8(i, 0xff);
    frame.setUint8(6 + i, mac[i]);
  }
  frame.setUint16(12, 0x0800);
  frame.setUint8(IP, 0x45);
  frame.setUint16(IP + 2, 20 + payload);
  frame.setUint8(IP + 8, 64);
  frame.setUint8(IP + 9, protocol);
  frame.setUint32(IP + 12, 0x0a00_020f);
  frame.setUint32(IP + 16, 0x0a00_0202);
  frame.setUint16(IP_CHECKSUM, ~sum(frame, IP, 20) & 0xffff);
  return frame;
}
function udp(): DataView<ArrayBuffer> {
  const frame = ipv4(17, 16);
  frame.setUint16(TRANSPORT, 4000);
  frame.setUint16(TRANSPORT + 2, 4001);
  frame.setUint16(TRANSPORT + 4, 16);
  return frame;
}
/** 3000 bytes of payload, ACK and PSH; its checksum is left to the device. */
function tcp(): DataView<ArrayBuffer> {
  const frame = ipv4(6, 20 + 3000);
  frame.setUint16(TRANSPORT, 4000);
  frame.setUint16(TRANSPORT + 2, 4001);
  frame.setUint8(TRANSPORT + 12, 0x50);
  frame.setUint8(TCP_FLAGS, 0x18);
  frame.setUint16(TRANSPORT + 16, pseudoHeader(frame));
  return frame;
}
/** The sum over addresses, protocol and length (RFC 768, RFC 9293), not complemented. */
function pseudoHeader(frame: DataView): number {
  const length = frame.byteLength - TRANSPORT;
  return fold(sum(frame, IP + 12, 8) + frame.getUint8(IP + 9) + length);
}
function sum(frame: DataView, at: number, length: number): number {
  let total = 0;
  for (let i = 0; i < length; i += 2) total += frame.getUint16(at + i);
  return fold(total);
}
const fold = (total: number): number => total > 0xffff ? fold((total & 0xffff) + (total >>> 16)) : total;
