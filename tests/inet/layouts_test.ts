import { assert, assertEquals } from "@std/assert";
import { formatMac, parseAddress } from "../../inet/addresses.ts";
import { ARP_REPLY, ARP_REQUEST, ArpPacket, readArp, writeArp } from "../../inet/arp.ts";
import {
  ETHERNET_HEADER,
  etherType,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  writeEthernet,
} from "../../inet/ethernet.ts";
import {
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_UNREACHABLE,
  IcmpMessage,
  readIcmp,
  UNREACHABLE_FRAGMENTATION,
  UNREACHABLE_PORT,
  writeIcmp,
  writeIcmpError,
} from "../../inet/icmp.ts";
import {
  Ipv4Header,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readIpv4,
  readQuotedIpv4,
  writeIpv4,
  writeIpv4Fragment,
} from "../../inet/ipv4.ts";
import { readUdp, UdpHeader, writeUdp } from "../../inet/udp.ts";
import { hex, once, recorded } from "./_support.ts";

const GUEST = 0x0a00020f, GATEWAY = 0x0a000202, SERVER = 0x0a000203;

once(
  "ethernet and ARP: libslirp's reply is read, padding and all; ours to iPXE's request are the same bytes",
  () => {
    const request = recorded("arp request"), reply = recorded("arp reply");
    assertEquals(etherType(request), ETHERTYPE_ARP);
    assertEquals(etherType(request.subarray(0, 13)), undefined);
    const packet = new ArpPacket();
    assertEquals(readArp(packet, request, ETHERNET_HEADER, request.length), undefined);
    assertEquals([packet.operation, packet.sender, packet.target], [ARP_REQUEST, GUEST, GATEWAY]);
    const asker = packet.senderMac.slice();
    assertEquals(formatMac(asker), "52:54:00:12:34:56");
    assertEquals(readArp(packet, reply, ETHERNET_HEADER, reply.length), undefined);
    assertEquals([packet.operation, packet.sender, packet.target], [ARP_REPLY, GATEWAY, GUEST]);
    assertEquals(formatMac(packet.senderMac), "52:55:0a:00:02:02");

    const ours = new Uint8Array(reply.length);
    const at = writeEthernet(ours, 0, asker, packet.senderMac, ETHERTYPE_ARP);
    assertEquals(writeArp(ours, at, ARP_REPLY, packet.senderMac, GATEWAY, asker, GUEST), 42);
    assertEquals(ours, reply);
  },
);

once("ARP: what is not IPv4 on Ethernet", () => {
  const good = recorded("arp request").subarray(ETHERNET_HEADER);
  const packet = new ArpPacket();
  for (const [at, value] of [[1, 6], [2, 0x86], [4, 8], [5, 16], [7, 3], [7, 0], [6, 1]]) {
    const bad = good.slice();
    bad[at] = value;
    assertEquals(readArp(packet, bad, 0, bad.length), "foreign", `byte ${at}`);
  }
  assertEquals(readArp(packet, good, 0, 27), "truncated");
});

once("IPv4: iPXE's and libslirp's packets are read; ours is iPXE's, byte for byte", () => {
  const frame = recorded("tcp syn");
  const header = new Ipv4Header();
  assertEquals(readIpv4(header, frame, ETHERNET_HEADER, frame.length), undefined);
  assertEquals(
    [
      header.payload,
      header.end,
      header.ttl,
      header.protocol,
      header.source,
      header.destination,
      header.isFragment,
    ],
    [34, 78, 64, PROTOCOL_TCP, GUEST, GATEWAY, false],
  );
  const ours = new Uint8Array(20);
  writeIpv4(ours, 0, GUEST, GATEWAY, PROTOCOL_TCP, 44, header.id, 64, false);
  assertEquals(ours, frame.slice(14, 34));
  // Padding behind the packet is left out.
  const padded = new Uint8Array(100);
  padded.set(frame);
  assertEquals(readIpv4(header, padded, ETHERNET_HEADER, padded.length), undefined);
  assertEquals(header.end, 78);
});

once("IPv4: headers that are wrong", () => {
  const header = new Ipv4Header();
  const good = new Uint8Array(64);
  writeIpv4(good, 0, GUEST, SERVER, PROTOCOL_UDP, 30, 7);
  assertEquals(readIpv4(header, good, 0, 50), undefined);
  const check = (change: (bytes: Uint8Array) => void, end = 50) => {
    const bytes = good.slice();
    change(bytes);
    return readIpv4(header, bytes, 0, end);
  };
  assertEquals(check(() => {}, 19), "truncated");
  assertEquals(check(() => {}, 0), "truncated");
  assertEquals(check((b) => b[0] = 0x65), "version");
  assertEquals(check((b) => b[0] = 0x44), "header length");
  assertEquals(check((b) => b[0] = 0x4f), "header length");
  assertEquals(check(() => {}, 49), "total length");
  assertEquals(check((b) => b[3] = 19), "total length");
  assertEquals(check((b) => b[8] ^= 1), "checksum");
  assertEquals(readIpv4(header, good.map((v, i) => i === 8 ? v ^ 1 : v), 0, 50, true), undefined, "trusted");
  const long = new Uint8Array(64);
  writeIpv4Fragment(long, 0, GUEST, SERVER, PROTOCOL_UDP, 24, 7, 64, 65512, false);
  assertEquals(readIpv4(header, long, 0, 64), "fragment");
  writeIpv4Fragment(long, 0, GUEST, SERVER, PROTOCOL_UDP, 16, 7, 64, 65496, true);
  assertEquals(readIpv4(header, long, 0, 64), undefined);
  assertEquals([header.fragmentOffset, header.moreFragments, header.isFragment], [65496, true, true]);
});

once("IPv4: options are skipped", () => {
  const bytes = hex("46 00 001c 0000 0000 40 01 0000 0a00020f 0a000202 94040000 08000000");
  const header = new Ipv4Header();
  assertEquals(readIpv4(header, bytes, 0, bytes.length, true), undefined);
  assertEquals([header.payload, header.end], [24, 28]);
});

once("ICMP: an echo and its answer", () => {
  const request = hex("0000 0000 0000 0000 08090a0b0c0d0e0f");
  writeIcmp(request, 0, request.length, ICMP_ECHO, 0, 0x1234, 1);
  // 0x0800 + 0x1234 + 1 + 0x0809 + 0x0a0b + 0x0c0d + 0x0e0f = 0x4665, by hand.
  assertEquals(request[2] << 8 | request[3], 0x4665 ^ 0xffff);
  const message = new IcmpMessage();
  assertEquals(readIcmp(message, request, 0, request.length), undefined);
  assertEquals([message.type, message.code, message.id, message.sequence], [ICMP_ECHO, 0, 0x1234, 1]);
  assert(!message.isError);
  writeIcmp(request, 0, request.length, ICMP_ECHO_REPLY, 0, message.id, message.sequence);
  assertEquals(readIcmp(message, request, 0, request.length), undefined);
  request[9] ^= 4;
  assertEquals(readIcmp(message, request, 0, request.length), "checksum");
  assertEquals(readIcmp(message, request, 0, 7), "truncated");
});

once("ICMP: an error quotes the packet that it is about, in 576 bytes", () => {
  const frame = recorded("dns query");
  const out = new Uint8Array(600);
  const end = writeIcmpError(
    out,
    10,
    ICMP_UNREACHABLE,
    UNREACHABLE_PORT,
    frame,
    ETHERNET_HEADER,
    frame.length,
  );
  assertEquals(end, 10 + 8 + frame.length - ETHERNET_HEADER);
  const message = new IcmpMessage();
  assertEquals(readIcmp(message, out, 10, end), undefined);
  assert(message.isError);
  const quoted = new Ipv4Header();
  assertEquals(readQuotedIpv4(quoted, out, message.payload, end), undefined);
  assertEquals([quoted.source, quoted.destination, quoted.protocol], [GUEST, SERVER, PROTOCOL_UDP]);
  // Cut off after the 8 bytes that RFC 792 promises.
  assertEquals(readQuotedIpv4(quoted, out, message.payload, message.payload + 28), undefined);
  assertEquals(quoted.end, message.payload + 28);

  const long = new Uint8Array(1500);
  writeIpv4(long, 0, GUEST, SERVER, PROTOCOL_UDP, 1480, 1);
  assertEquals(writeIcmpError(out, 0, ICMP_UNREACHABLE, UNREACHABLE_FRAGMENTATION, long, 0, 1500, 1400), 556);
  assertEquals(readIcmp(message, out, 0, 556), undefined);
  assertEquals(message.nextHopMtu, 1400);
});

once("UDP: iPXE's datagram is read, ours is the same; zero is no checksum; lies about the length", () => {
  const frame = recorded("dns query");
  const udp = new UdpHeader();
  assertEquals(readUdp(udp, frame, 34, frame.length, GUEST, SERVER), undefined);
  assertEquals([udp.destinationPort, udp.payload, udp.end], [53, 42, frame.length]);
  const ours = frame.slice();
  ours.fill(0, 34, 42);
  writeUdp(ours, 34, ours.length, GUEST, udp.sourcePort, SERVER, 53);
  assertEquals(ours, frame);

  assertEquals(readUdp(udp, frame, 34, frame.length, GUEST, GATEWAY), "checksum");
  assertEquals(readUdp(udp, frame, 34, frame.length, GUEST, GATEWAY, true), undefined);
  const none = frame.slice();
  none[40] = none[41] = 0;
  assertEquals(readUdp(udp, none, 34, none.length, GUEST, SERVER), undefined);
  assertEquals(readUdp(udp, frame, 34, frame.length - 1, GUEST, SERVER), "length");
  none[38] = 0;
  none[39] = 7;
  assertEquals(readUdp(udp, none, 34, none.length, GUEST, SERVER), "length");
  assertEquals(readUdp(udp, frame, 34, 41, GUEST, SERVER), "truncated");
});

once("UDP: a sum of zero is sent as all ones (RFC 768)", () => {
  const bytes = new Uint8Array(10);
  // Source port, chosen so that everything adds up to 0xffff.
  writeUdp(bytes, 0, 10, 0, 0xffff - 17 - 10 - 10, 0, 0);
  assertEquals([bytes[6], bytes[7]], [0xff, 0xff]);
  assertEquals(readUdp(new UdpHeader(), bytes, 0, 10, 0, 0), undefined);
});

once("UDP: a device that completes the sum starts from the pseudo header's", () => {
  const frame = recorded("dns query");
  const ours = frame.slice();
  writeUdp(ours, 34, ours.length, GUEST, frame[34] << 8 | frame[35], SERVER, 53, true);
  // What the device does (virtio 1.4, 5.1.6.2): sum from the header on, the field included; store the complement.
  let sum = 0;
  for (let i = 34; i < ours.length; i++) sum += (i - 34) % 2 === 0 ? ours[i] * 256 : ours[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  assertEquals(sum ^ 0xffff, frame[40] << 8 | frame[41]);
});

once("ethernet: types", () => {
  assertEquals(etherType(recorded("tcp syn")), ETHERTYPE_IPV4);
  assertEquals(parseAddress("10.0.2.15"), GUEST);
});
