import { PcapWriter } from "../../../devices/net/pcap.ts";
import { formatAddress, formatMac } from "../../../inet/addresses.ts";
import { ARP_REQUEST, ArpPacket, readArp } from "../../../inet/arp.ts";
import { decodeDhcp, DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from "../../../inet/dhcp.ts";
import { decodeDns, DNS_PORT } from "../../../inet/dns.ts";
import {
  ETHERNET_DESTINATION,
  ETHERNET_HEADER,
  ETHERNET_SOURCE,
  etherType,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
} from "../../../inet/ethernet.ts";
import {
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  IcmpMessage,
  readIcmp,
} from "../../../inet/icmp.ts";
import { Ipv4Header, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, readIpv4 } from "../../../inet/ipv4.ts";
import { ACK, CWR, ECE, FIN, PSH, readTcp, RST, SYN, TcpHeader, URG } from "../../../inet/tcp_header.ts";
import { readUdp, UdpHeader } from "../../../inet/udp.ts";
import { hex } from "./numbers.ts";

/** One protocol's part of a frame. */
export interface Layer {
  readonly name: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}
/** A frame taken apart. */
export interface Frame {
  readonly length: number;
  /** The innermost protocol that was understood. */
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
  readonly summary: string;
  /** Outermost first. */
  readonly layers: readonly Layer[];
  /** What is wrong with it; empty: nothing. */
  readonly wrong: string;
}

const TCP_FLAGS: readonly (readonly [string, number])[] = [
  ["FIN", FIN],
  ["SYN", SYN],
  ["RST", RST],
  ["PSH", PSH],
  ["ACK", ACK],
  ["URG", URG],
  ["ECE", ECE],
  ["CWR", CWR],
];
const DHCP_TYPES = ["?", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM"];

/** What is being built while a frame is read. */
class Reading {
  protocol = "Ethernet";
  from = "";
  to = "";
  summary = "";
  wrong = "";
  readonly layers: Layer[] = [];
  constructor(readonly bytes: Uint8Array) {}

  layer(name: string, fields: Record<string, string | number>): void {
    this.protocol = name;
    this.layers.push({ name, fields: Object.entries(fields).map(([k, v]) => [k, String(v)] as const) });
  }
}

/**
 * Takes an Ethernet frame apart as far as its protocols are known: ARP, IPv4, ICMP, UDP, TCP, DHCP, DNS. Checksums that a
 * card is to fill in (checksum offload) are not looked at.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const r = new Reading(bytes);
  ethernet(r);
  const { protocol, from, to, summary, layers, wrong } = r;
  return { length: bytes.length, protocol, from, to, summary, layers, wrong };
}

function ethernet(r: Reading): void {
  const { bytes } = r;
  const type = etherType(bytes);
  if (type === undefined) {
    r.wrong = "shorter than an Ethernet header";
    return;
  }
  r.from = formatMac(bytes, ETHERNET_SOURCE);
  r.to = formatMac(bytes, ETHERNET_DESTINATION);
  const known: Record<number, string> = {
    [ETHERTYPE_IPV4]: "IPv4",
    [ETHERTYPE_ARP]: "ARP",
    [ETHERTYPE_VLAN]: "VLAN",
    [ETHERTYPE_IPV6]: "IPv6",
  };
  const name = known[type] ?? "";
  r.layer("Ethernet", { to: r.to, from: r.from, type: `${hex(type, 4)} ${name}`.trim() });
  r.summary = name === "" ? `type ${hex(type, 4)}` : name;
  if (type === ETHERTYPE_ARP) arp(r);
  else if (type === ETHERTYPE_IPV4) ipv4(r);
}

function arp(r: Reading): void {
  const p = new ArpPacket();
  const wrong = readArp(p, r.bytes, ETHERNET_HEADER, r.bytes.length);
  if (wrong !== undefined) return void (r.wrong = `ARP: ${wrong}`);
  const asks = p.operation === ARP_REQUEST;
  const sender = formatAddress(p.sender), target = formatAddress(p.target);
  r.layer("ARP", {
    operation: asks ? "request" : "reply",
    sender: `${sender}, ${formatMac(p.senderMac)}`,
    target: `${target}, ${formatMac(p.targetMac)}`,
  });
  r.summary = asks ? `who has ${target}? tell ${sender}` : `${sender} is at ${formatMac(p.senderMac)}`;
}

function ipv4(r: Reading): void {
  const h = new Ipv4Header();
  const wrong = readIpv4(h, r.bytes, ETHERNET_HEADER, r.bytes.length);
  if (wrong !== undefined) return void (r.wrong = `IPv4: ${wrong}`);
  r.from = formatAddress(h.source);
  r.to = formatAddress(h.destination);
  const part = h.isFragment
    ? `from byte ${h.fragmentOffset}${h.moreFragments ? ", more follow" : ", the last"}`
    : "no";
  const protocols: Record<number, string> = {
    [PROTOCOL_ICMP]: "ICMP",
    [PROTOCOL_TCP]: "TCP",
    [PROTOCOL_UDP]: "UDP",
  };
  const name = protocols[h.protocol];
  r.layer("IPv4", {
    from: r.from,
    to: r.to,
    length: h.end - h.start,
    "time to live": h.ttl,
    protocol: name ?? h.protocol,
    id: hex(h.id, 4),
    fragment: part,
  });
  r.summary = name === undefined ? `protocol ${h.protocol}` : name;
  // Behind the first fragment there is no header.
  if (h.fragmentOffset !== 0) r.summary += `, fragment from byte ${h.fragmentOffset}`;
  else if (h.protocol === PROTOCOL_ICMP) icmp(r, h);
  else if (h.protocol === PROTOCOL_UDP) udp(r, h);
  else if (h.protocol === PROTOCOL_TCP) tcp(r, h);
}

function icmp(r: Reading, h: Ipv4Header): void {
  const m = new IcmpMessage();
  const wrong = readIcmp(m, r.bytes, h.payload, h.end);
  if (wrong !== undefined && !h.isFragment) return void (r.wrong = `ICMP: ${wrong}`);
  const names: Record<number, string> = {
    [ICMP_ECHO]: "echo request",
    [ICMP_ECHO_REPLY]: "echo reply",
    [ICMP_UNREACHABLE]: "unreachable",
    [ICMP_TIME_EXCEEDED]: "time exceeded",
  };
  const echo = m.type === ICMP_ECHO || m.type === ICMP_ECHO_REPLY;
  r.layer("ICMP", {
    type: `${m.type} ${names[m.type] ?? ""}`.trim(),
    code: m.code,
    ...(echo ? { id: m.id, sequence: m.sequence, data: `${h.end - m.payload} bytes` } : {}),
  });
  r.summary = `${names[m.type] ?? `type ${m.type}`}${echo ? `, sequence ${m.sequence}` : `, code ${m.code}`}`;
}

function udp(r: Reading, h: Ipv4Header): void {
  const u = new UdpHeader();
  const wrong = readUdp(u, r.bytes, h.payload, h.end, h.source, h.destination, true);
  if (wrong !== undefined && !h.isFragment) return void (r.wrong = `UDP: ${wrong}`);
  const { sourcePort, destinationPort } = u;
  r.from += `:${sourcePort}`;
  r.to += `:${destinationPort}`;
  const length = u.end - u.payload;
  r.layer("UDP", { "from port": sourcePort, "to port": destinationPort, data: `${length} bytes` });
  r.summary = `${length} bytes`;
  const payload = r.bytes.subarray(u.payload, u.end);
  const ports = [sourcePort, destinationPort];
  if (ports.includes(DHCP_SERVER_PORT) || ports.includes(DHCP_CLIENT_PORT)) dhcp(r, payload);
  else if (ports.includes(DNS_PORT)) dns(r, payload);
}

function dhcp(r: Reading, payload: Uint8Array): void {
  const m = decodeDhcp(payload);
  if (typeof m === "string") return void (r.wrong = `DHCP: ${m}`);
  const type = DHCP_TYPES[m.type] ?? String(m.type);
  r.layer("DHCP", {
    message: type,
    transaction: hex(m.xid, 8),
    "client's address": formatAddress(m.ciaddr),
    "address given": formatAddress(m.yiaddr),
    "next server": formatAddress(m.siaddr),
    hardware: formatMac(m.chaddr),
    options: [...m.options.keys()].join(", "),
  });
  r.summary = m.yiaddr === 0 ? type : `${type} ${formatAddress(m.yiaddr)}`;
}

function dns(r: Reading, payload: Uint8Array): void {
  const m = decodeDns(payload);
  if (typeof m === "string") return void (r.wrong = `DNS: ${m}`);
  const asked = m.questions.map((q) => q.name).join(", ");
  const answers = m.answers.map((a) =>
    a.address === undefined ? a.target ?? `type ${a.type}` : formatAddress(a.address)
  );
  r.layer("DNS", {
    id: hex(m.id, 4),
    kind: m.response ? "answer" : "question",
    asked,
    ...(m.response ? { code: m.code, answers: answers.join(", ") || "none" } : {}),
  });
  r.summary = m.response ? `${asked}: ${answers.join(", ") || `no answer, code ${m.code}`}` : `${asked}?`;
}

function tcp(r: Reading, h: Ipv4Header): void {
  const t = new TcpHeader();
  const wrong = readTcp(t, r.bytes, h.payload, h.end);
  if (wrong !== undefined) return void (r.wrong = `TCP: ${wrong}`);
  r.from += `:${t.sourcePort}`;
  r.to += `:${t.destinationPort}`;
  const flags = TCP_FLAGS.filter(([, bit]) => (t.flags & bit) !== 0).map(([name]) => name).join(" ");
  const length = h.end - t.payload;
  const options = [
    t.mss > 0 ? `MSS ${t.mss}` : "",
    t.windowScale >= 0 ? `window scale ${t.windowScale}` : "",
    t.sackPermitted ? "SACK permitted" : "",
    t.sackBlocks > 0
      ? `SACK ${
        Array.from({ length: t.sackBlocks }, (_, i) => `${t.sack[2 * i]}-${t.sack[2 * i + 1]}`).join(" ")
      }`
      : "",
  ].filter((x) => x !== "");
  r.layer("TCP", {
    "from port": t.sourcePort,
    "to port": t.destinationPort,
    flags,
    sequence: t.sequence,
    acknowledges: (t.flags & ACK) === 0 ? "nothing" : t.acknowledgment,
    window: t.window,
    options: options.join(", ") || "none",
    data: `${length} bytes`,
  });
  const text = firstLine(r.bytes.subarray(t.payload, h.end));
  r.summary = `${flags}, sequence ${t.sequence}, ${length} bytes${text === "" ? "" : `: ${text}`}`;
}

/** The first line of text that bytes begin with; empty if they are no text. */
function firstLine(bytes: Uint8Array): string {
  let text = "";
  for (const b of bytes.subarray(0, 80)) {
    if (b === 10 || b === 13) break;
    if (b < 32 || b > 126) return "";
    text += String.fromCharCode(b);
  }
  return text;
}

/** Frames with their times (nanoseconds) as a pcap file, for Wireshark or tcpdump. */
export function pcapFile(
  frames: Iterable<{ readonly t: number; readonly bytes: Uint8Array }>,
): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const writer = new PcapWriter((bytes) => {
    pieces.push(bytes.slice());
    length += bytes.length;
  });
  for (const { t, bytes } of frames) writer.write(bytes, t);
  const file = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.length;
  }
  return file;
}

/** Bytes of an event's hex digits. */
export function hexBytes(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
