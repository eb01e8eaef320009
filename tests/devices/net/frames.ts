/** Frames as a guest sends them, and what a frame says, in a line: for tests that play the guest. */
import { formatAddress, formatMac, parseAddress, parseMac } from "../../../inet/addresses.ts";
import { ARP_REQUEST, ArpPacket, readArp, writeArp } from "../../../inet/arp.ts";
import { foldSum, pseudoHeaderSum, sumBytes } from "../../../inet/checksum.ts";
import { decodeDhcp, type DhcpMessage, dhcpMessage, encodeDhcp } from "../../../inet/dhcp.ts";
import {
  ETHERNET_HEADER,
  etherType,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  writeEthernet,
} from "../../../inet/ethernet.ts";
import { ICMP_ECHO, IcmpMessage, readIcmp, writeIcmp } from "../../../inet/icmp.ts";
import {
  Ipv4Header,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readIpv4,
  writeIpv4,
} from "../../../inet/ipv4.ts";
import { readTcp, setTcpChecksum, TcpHeader, writeTcp } from "../../../inet/tcp_header.ts";
import { readUdp, UdpHeader, writeUdp } from "../../../inet/udp.ts";

export const MAC = parseMac("52:54:00:12:34:56")!;
export const EVERYONE = parseMac("ff:ff:ff:ff:ff:ff")!;
export const GATEWAY = parseMac("52:55:0a:00:02:02")!;
const AT = ETHERNET_HEADER + 20;
export const ip = (text: string): number => parseAddress(text)!;

export function arp(sender: string, target: string, operation = ARP_REQUEST, to = EVERYONE): Uint8Array {
  const frame = new Uint8Array(60);
  writeEthernet(frame, 0, to, MAC, ETHERTYPE_ARP);
  writeArp(
    frame,
    ETHERNET_HEADER,
    operation,
    MAC,
    ip(sender),
    to === EVERYONE ? new Uint8Array(6) : to,
    ip(target),
  );
  return frame;
}

function packet(from: string, to: string, protocol: number, length: number, mac = GATEWAY): Uint8Array {
  const frame = new Uint8Array(AT + length);
  writeEthernet(frame, 0, mac, MAC, ETHERTYPE_IPV4);
  writeIpv4(frame, ETHERNET_HEADER, ip(from), ip(to), protocol, length, 1);
  return frame;
}
export function udp(from: string, to: string, data: Uint8Array, mac = GATEWAY): Uint8Array {
  const [[a, sp], [b, dp]] = [from.split(":"), to.split(":")];
  const frame = packet(a, b, PROTOCOL_UDP, 8 + data.length, mac);
  frame.set(data, AT + 8);
  writeUdp(frame, AT, frame.length, ip(a), Number(sp), ip(b), Number(dp));
  return frame;
}
export function ping(from: string, to: string, length = 16, id = 77): Uint8Array {
  const frame = packet(from, to, PROTOCOL_ICMP, 8 + length);
  for (let i = 0; i < length; i++) frame[AT + 8 + i] = i;
  writeIcmp(frame, AT, frame.length, ICMP_ECHO, 0, id, 1);
  return frame;
}
export function dhcp(
  type: number,
  change: (message: DhcpMessage) => void = () => {},
  from = "0.0.0.0",
): Uint8Array {
  const message = dhcpMessage(type, 0x12345678, MAC);
  change(message);
  return udp(`${from}:68`, "255.255.255.255:67", encodeDhcp(message), EVERYONE);
}
export function tcp(
  from: string,
  to: string,
  flags: number,
  sequence: number,
  acknowledgment = 0,
  data = new Uint8Array(0),
): Uint8Array {
  const [[a, sp], [b, dp]] = [from.split(":"), to.split(":")];
  const header = new TcpHeader();
  Object.assign(header, {
    sourcePort: Number(sp),
    destinationPort: Number(dp),
    sequence,
    acknowledgment,
    flags,
  });
  header.window = 65535;
  if (flags & 2) header.mss = 1460;
  const bytes = new Uint8Array(60 + data.length);
  const length = writeTcp(header, bytes, 0);
  bytes.set(data, length);
  const frame = packet(a, b, PROTOCOL_TCP, length + data.length);
  frame.set(bytes.subarray(0, length + data.length), AT);
  const sum = pseudoHeaderSum(ip(a), ip(b), PROTOCOL_TCP, frame.length - AT) +
    sumBytes(frame, AT, frame.length);
  setTcpChecksum(frame, AT, foldSum(sum) ^ 0xffff);
  return frame;
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

/** What a frame says. Identification of packets, padding and TCP's numbers are left out. */
export function show(frame: Uint8Array): string {
  const ether = `${formatMac(frame, 0)} < ${formatMac(frame, 6)}`;
  if (etherType(frame) === ETHERTYPE_ARP) {
    const p = new ArpPacket();
    const wrong = readArp(p, frame, ETHERNET_HEADER, frame.length);
    const end = (mac: Uint8Array, address: number) => `${formatMac(mac)} ${formatAddress(address)}`;
    return `${ether} ARP ${wrong ?? p.operation} ${end(p.senderMac, p.sender)} > ${
      end(p.targetMac, p.target)
    }`;
  }
  const h = new Ipv4Header();
  const wrong = readIpv4(h, frame, ETHERNET_HEADER, frame.length);
  if (wrong !== undefined) return `${ether} IP ${wrong}`;
  const [from, to] = [formatAddress(h.source), formatAddress(h.destination)];
  if (h.isFragment) {
    return `${ether} FRAGMENT ${from} > ${to} ${h.fragmentOffset}+${h.end - h.payload}${
      h.moreFragments ? " more" : ""
    }`;
  }
  if (h.protocol === PROTOCOL_UDP) {
    const u = new UdpHeader();
    const bad = readUdp(u, frame, h.payload, h.end, h.source, h.destination);
    const data = frame.subarray(u.payload, u.end);
    const what = u.sourcePort === 67 ? showDhcp(data) : hex(data);
    return `${ether} UDP ${bad ?? ""} ${from}:${u.sourcePort} > ${to}:${u.destinationPort} ${what}`;
  }
  if (h.protocol === PROTOCOL_ICMP) {
    const m = new IcmpMessage();
    const bad = readIcmp(m, frame, h.payload, h.end);
    const quoted = m.type === 3
      ? hex(frame.subarray(m.payload, m.payload + 28))
      : hex(frame.subarray(m.payload, h.end));
    return `${ether} ICMP ${bad ?? ""} ${from} > ${to} ${m.type}/${m.code} ${m.id} ${m.sequence} ${quoted}`;
  }
  const t = new TcpHeader();
  const bad = readTcp(t, frame, h.payload, h.end);
  const flags = FLAGS.filter((_, i) => t.flags & 1 << i).join("|");
  return `${ether} TCP ${bad ?? ""} ${from}:${t.sourcePort} > ${to}:${t.destinationPort} ${flags} ${
    h.end - t.payload
  }`;
}

function showDhcp(data: Uint8Array): string {
  const m = decodeDhcp(data);
  if (typeof m === "string") return `DHCP ${m}`;
  const options = [...m.options].map(([code, value]) => `${code}=${hex(value)}`).join(" ");
  const addresses = [m.ciaddr, m.yiaddr, m.siaddr, m.giaddr].map(formatAddress).join(" ");
  return `DHCP ${m.type} xid ${m.xid} flags ${m.broadcast} ${addresses} ${
    hex(m.chaddr)
  } ${options} length ${data.length}`;
}
