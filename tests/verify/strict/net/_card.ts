/** A card driven by the student's driver, for tests of rules: what it sends is the test's. */
import type { DeviceBuffer } from "../../../../mm/device_alloc.ts";
import { NetF } from "../../../../spec/virtio/features.ts";
import { NetHdr } from "../../../../spec/virtio/net.ts";
import type { Report } from "../../../../verify/strict/mod.ts";
import { NET_RULES } from "../../../../verify/strict/rules/net/mod.ts";
import { Hands } from "../../../drivers-gone-wrong/mistake.ts";
import type { Setting } from "../../../drivers-gone-wrong/setting.ts";
import type { NetStudent } from "../../../drivers-gone-wrong/student/mod.ts";
import { drive, simulatedWorld } from "../../../drivers-gone-wrong/world.ts";

const CARD: Setting = {
  device: "net",
  machine: "q35",
  ring: "split",
  eventIdx: false,
  indirect: false,
  interrupts: "msix",
};
export const MMIO_PACKED: Partial<Setting> = { machine: "microvm", ring: "packed", interrupts: "line" };

/** Runs a card's driver that was changed; the reports of rules whose id begins with `about`, and what it gave up with. */
export function run(
  setting: Partial<Setting>,
  plant: (net: NetStudent, hands: Hands) => void,
  about = "net-",
): { reports: readonly Report[]; error: Error | undefined } {
  const world = simulatedWorld({ ...CARD, ...setting }, NET_RULES);
  const hands = new Hands(world.student);
  plant(hands.net, hands);
  const { reports, error } = drive(world);
  return { reports: reports.filter((r) => r.rule.startsWith(about)), error };
}

/** `rule: found, expected ...`, one line a report. */
export const lines = (reports: readonly Report[]): string[] =>
  reports.map((r) => `${r.level} ${r.rule}: ${r.found}; expected ${r.expected}`);

/** Fields of the header by their names in {@link NetHdr}; the first two are bytes, the rest le16. */
export type Header = Partial<Record<keyof typeof NetHdr, number>>;

/** Sends one frame with a header. */
export function send(net: NetStudent, frame: Uint8Array, fields: Header = {}): void {
  const fill = net.fillHeader;
  net.fillHeader = (header: DeviceBuffer) => {
    for (const [name, value] of Object.entries(fields)) {
      const at = header.offset + NetHdr[name as keyof Header];
      if (name === "FLAGS" || name === "GSO_TYPE") net.ground.memory.writeU8(at, value);
      else net.ground.memory.writeU16(at, value);
    }
  };
  net.transmit(frame);
  net.fillHeader = fill;
}

/** A run that sends frames and does nothing else. */
export function sending(
  setting: Partial<Setting>,
  frames: (net: NetStudent) => readonly (readonly [Uint8Array, Header?])[],
): string[] {
  const { reports, error } = run(setting, (net) => {
    // As virtio 1.4, 5.1.6.3.1 wants it whatever the MTU is.
    net.receiveSize = () => 1530;
    net.work = () => {
      for (const [frame, header] of frames(net)) send(net, frame, header);
    };
  });
  if (error !== undefined) throw error;
  return lines(reports);
}

/** Everything about frames to send that a card of ours offers. */
export const OFFLOADS: Partial<Setting> = {
  props: "x-vnet-hdr=on",
  wants: NetF.CSUM | NetF.HOST_TSO4 | NetF.HOST_TSO6,
};

/** Sums 16-bit words, ones' complement (RFC 1071), by the book. */
export function sum(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += bytes[i] << 8 | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/** How the checksum of a packet is left. */
export type Left = "whole" | "pseudo" | "none" | "complement";

/** A TCP segment or UDP datagram from the card. */
export function packet(
  mac: Uint8Array,
  options: { v6?: boolean; udp?: boolean; payload?: number; tag?: boolean; left?: Left; cwr?: boolean } = {},
): Uint8Array {
  const { v6 = false, udp = false, payload = 20, tag = false, left = "whole", cwr = false } = options;
  const eth = tag ? 18 : 14, ip = v6 ? 40 : 20, transport = udp ? 8 : 20;
  const length = transport + payload, at = eth + ip;
  const frame = new Uint8Array(at + length).map((_, i) => i < at + transport ? 0 : i * 13);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, 1, ...mac], 0);
  if (tag) view.setUint32(12, 0x8100_0005);
  view.setUint16(eth - 2, v6 ? 0x86dd : 0x0800);
  if (v6) {
    frame.set([0x60, 0, 0, 0, length >> 8, length & 0xff, udp ? 17 : 6, 64], eth);
    for (let i = 8; i < 40; i++) frame[eth + i] = i;
  } else {
    frame.set([0x45, 0, ip + length >> 8, ip + length & 0xff, 0, 1, 0x40, 0, 64, udp ? 17 : 6], eth);
    frame.set([10, 0, 2, 15, 10, 0, 2, 2], eth + 12);
    view.setUint16(eth + 10, sum(frame.subarray(eth, at)) ^ 0xffff);
  }
  view.setUint16(at, 1234);
  view.setUint16(at + 2, 80);
  if (udp) view.setUint16(at + 4, length);
  else frame.set([0x50, cwr ? 0x90 : 0x10, 0x20, 0], at + 12);
  const pseudo = sum(frame.subarray(eth + (v6 ? 8 : 12), at), (udp ? 17 : 6) + length);
  const field = {
    none: 0,
    pseudo,
    complement: pseudo ^ 0xffff,
    whole: sum(frame.subarray(at), pseudo) ^ 0xffff,
  }[left];
  view.setUint16(at + (udp ? 6 : 16), field);
  return frame;
}
