import { NetCtrl, NetCtrlMac, NetCtrlMq, NetCtrlRx, NetCtrlVlan } from "../../../spec/virtio/net.ts";
import type { Driver, QueuePlan } from "./driver.ts";
import { publish } from "./generate_chain.ts";
import type { Desc } from "./program.ts";

/** The queues of a card with one pair. */
export const RX = 0, TX = 1, CTRL = 2;
const WRITE = 2;
/** Bytes of both addresses, tag and type. */
const SHORTEST_TAGGED = 18;
export const ADDRESSES = ["525400123456", "ffffffffffff", "01005e000001", "02000000000a", "020000000001"];
const OFFERED = {
  CTRL_GUEST_OFFLOADS: 1 << 2,
  MRG_RXBUF: 1 << 15,
  STATUS: 1 << 16,
  CTRL_VQ: 1 << 17,
  CTRL_VLAN: 1 << 19,
  GUEST_ANNOUNCE: 1 << 21,
  MQ: 1 << 22,
  CTRL_MAC_ADDR: 1 << 23,
};

/** Features of a card: the low word. */
export function netFeatures(d: Driver): number {
  const { dice } = d;
  let low = 0;
  for (const [name, bit] of Object.entries(OFFERED)) {
    const p = name === "CTRL_VQ" ? 0.8 : name === "MRG_RXBUF" ? 0.6 : 0.3;
    if (dice.chance(p)) low |= bit;
  }
  d.merged = (low & OFFERED.MRG_RXBUF) !== 0;
  return low;
}

/** A frame for the driver, from the other end of the cable; `to` an address of {@link ADDRESSES}, `tag` a VLAN's number. */
export function frameIn(d: Driver, to?: string, tag?: number): void {
  const { dice } = d;
  const length = dice.weighted<() => number>([
    [10, () => dice.int(14, 64)],
    [5, () => dice.int(65, 300)],
    [2, () => dice.int(1, 13)],
    [1, () => dice.int(301, 600)],
  ])();
  const frame = Uint8Array.from({ length }, () => dice.int(1, 255));
  frame.set(Uint8Array.fromHex(to ?? dice.pick(ADDRESSES)).subarray(0, length));
  // Nothing that QEMU's user network, which listens, would answer.
  // Half a tag is none, but QEMU looks behind the end of the frame for the other half.
  const tagged = (tag !== undefined || dice.chance(0.2)) && length >= SHORTEST_TAGGED;
  const type = tagged ? [0x81, 0x00, 0, tag ?? dice.pick([0, 1, 5]), 0x88, 0xb5] : [0x88, 0xb5];
  frame.set(type.slice(0, Math.max(0, length - 12)), Math.min(12, length));
  d.add({ op: "input", hex: frame.toHex() });
}

/** Buffers for frames: mostly room for a header and more. */
export function netReceived(d: Driver): Desc[] {
  const { dice } = d;
  const list: Desc[] = [];
  if (dice.chance(d.packed && !d.merged ? 0.002 : 0.04)) list.push({ a: d.bufferAt(8), n: 8 });
  const first = dice.weighted<() => number>([
    [8, () => dice.int(60, 200)],
    [5, () => dice.int(12, 60)],
    [1, () => dice.int(200, 1600)],
  ])();
  list.push({ a: d.bufferAt(first), n: first, f: WRITE });
  // A frame that is too long for such a chain QEMU 7.2 puts back wrongly: on a packed ring they are rare.
  const several = d.merged || !d.packed || dice.chance(0.05);
  for (let n = several ? dice.weighted([[8, 0], [2, 1], [1, 3]]) : 0; n > 0; n--) {
    const length = dice.int(1, 100);
    list.push({ a: d.bufferAt(length), n: length, f: WRITE });
  }
  return list;
}

/**
 * A frame to send behind its header, in one piece or several.
 *
 * @param room descriptors: a header that is cut short ends QEMU 7.2, so that is rare.
 */
export function netSent(d: Driver, room: number): Desc[] {
  const { dice } = d;
  const list: Desc[] = [];
  const buffer = (n: number) => list.push({ a: d.bufferAt(n), n });
  const frame = dice.int(1, 200);
  const shape = dice.weighted([[6, "one"], [room < 2 ? 0 : 6, "two"], [room < 5 ? 0 : 3, "many"]]);
  if (shape === "one") buffer(d.header + frame);
  else if (shape === "two") {
    buffer(d.header);
    buffer(frame);
  } else {
    const cut = dice.int(1, d.header - 1);
    for (const n of [cut, d.header - cut, frame, dice.int(1, 50)]) buffer(n);
  }
  if (dice.chance(0.05)) list.push({ a: d.bufferAt(20), n: 20, f: WRITE });
  return list;
}

/** A command for the control queue, right or wrong. */
export function command(d: Driver): void {
  const { dice } = d;
  const queue = d.queues.get(CTRL);
  if (queue === undefined || queue.size < 2) return;
  const on = dice.pick([0, 0, 1]);
  const bytes = dice.weighted<() => number[]>([
    [6, () => [NetCtrl.RX, NetCtrlRx.PROMISC, on]],
    [5, () => [NetCtrl.RX, dice.int(0, 6), dice.pick([0, 1, 1, 255])]],
    [4, () => [NetCtrl.MAC, NetCtrlMac.TABLE_SET, ...list(d), ...list(d)]],
    [3, () => [NetCtrl.MAC, NetCtrlMac.ADDR_SET, ...Uint8Array.fromHex(dice.pick(ADDRESSES))]],
    [
      4,
      () => [
        NetCtrl.VLAN,
        dice.pick([NetCtrlVlan.ADD, NetCtrlVlan.ADD, NetCtrlVlan.DEL, 2]),
        dice.pick([0, 1, 5]),
        0,
      ],
    ],
    [1, () => [NetCtrl.VLAN, NetCtrlVlan.ADD, dice.int(0, 255), dice.pick([0, 15, 16])]],
    [2, () => [NetCtrl.ANNOUNCE, dice.pick([0, 0, 1])]],
    [
      3,
      () => [
        NetCtrl.MQ,
        dice.pick([NetCtrlMq.VQ_PAIRS_SET, NetCtrlMq.VQ_PAIRS_SET, 1, 2, 3]),
        dice.pick([1, 1, 0, 2]),
        0,
      ],
    ],
    [2, () => [NetCtrl.GUEST_OFFLOADS, dice.pick([0, 0, 1]), ...new Array(8).fill(0)]],
    [1, () => [dice.int(0, 7), dice.int(0, 7), dice.int(0, 255)]],
  ])();
  if (dice.chance(0.1)) bytes.length = dice.int(dice.chance(0.1) ? 1 : 2, bytes.length);
  else if (dice.chance(0.05)) bytes.push(dice.int(0, 255));
  const at = d.bufferAt(bytes.length);
  d.add({ op: "poke", at, hex: Uint8Array.from(bytes).toHex() });
  const cut = dice.chance(0.15) && queue.size > 2 && bytes.length > 1 ? dice.int(1, bytes.length - 1) : 0;
  const chain: Desc[] = cut === 0
    ? [{ a: at, n: bytes.length }]
    : [{ a: at, n: cut }, { a: at + cut, n: bytes.length - cut }];
  if (!dice.chance(0.02)) {
    const room = dice.pick([1, 1, 1, 4]);
    chain.push({ a: d.bufferAt(room), n: room, f: WRITE });
  }
  d.add({ op: "chain", q: CTRL, d: chain });
  publish(d, queue);
}

function list(d: Driver): number[] {
  const { dice } = d;
  const entries = dice.weighted<() => number>([[8, () => dice.int(0, 3)], [1, () => dice.pick([64, 65])]])();
  const claimed = dice.chance(0.05) ? dice.pick([entries + 1, 0x2aaa_aaab, 0xffff_ffff]) : entries;
  const bytes = [claimed & 255, claimed >>> 8 & 255, claimed >>> 16 & 255, claimed >>> 24 & 255];
  for (let i = 0; i < entries; i++) bytes.push(...Uint8Array.fromHex(dice.pick(ADDRESSES)));
  return bytes;
}

/** A frame in, as {@link frameIn}, and room for it. */
export function frameAndRoom(d: Driver, to?: string, tag?: number): void {
  const queue: QueuePlan | undefined = d.queues.get(RX);
  if (queue === undefined) return frameIn(d, to, tag);
  for (let n = d.dice.int(1, 3); n > 0 && queue.waiting < queue.size; n--) {
    const chain = netReceived(d).slice(0, Math.max(1, queue.size - queue.waiting));
    d.add({ op: "chain", q: RX, d: chain });
    queue.waiting += d.packed ? chain.length : 1;
  }
  publish(d, queue);
  frameIn(d, to, tag);
  queue.waiting = 0;
}
