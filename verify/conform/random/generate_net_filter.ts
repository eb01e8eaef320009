import { NetCtrl, NetCtrlMac, NetCtrlRx, NetCtrlVlan } from "../../../spec/virtio/net.ts";
import type { Driver, QueuePlan } from "./driver.ts";
import { publish } from "./generate_chain.ts";
import { ADDRESSES, CTRL, frameAndRoom } from "./generate_net.ts";

const WRITE = 2;
const BROADCAST = "ffffffffffff", MULTICAST = "01005e000001";
const TAG = 5;

/** The card takes not everything any more, and is told what to take or leave; then frames come that this is about. */
export function filtered(d: Driver): void {
  const { dice } = d;
  const queue = d.queues.get(CTRL);
  if (queue === undefined || queue.size < 2) return frameAndRoom(d);
  send(d, queue, [NetCtrl.RX, NetCtrlRx.PROMISC, 0]);
  const [to, tag, commands] = dice.pick(CASES)(d);
  for (const bytes of commands) send(d, queue, bytes);
  frameAndRoom(d, to, tag);
  if (dice.chance(0.3)) frameAndRoom(d);
}

type Case = (d: Driver) => [to: string, tag: number | undefined, commands: number[][]];
const on = (command: number) => [NetCtrl.RX, command, 1];
const group = (address: string) => (Uint8Array.fromHex(address)[0] & 1) !== 0;

const CASES: readonly Case[] = [
  ({ dice }) => [BROADCAST, undefined, dice.pick([[], [on(NetCtrlRx.NOBCAST)]])],
  ({ dice }) => [
    MULTICAST,
    undefined,
    dice.pick([[], [on(NetCtrlRx.ALLMULTI)], [on(NetCtrlRx.ALLMULTI), on(NetCtrlRx.NOMULTI)]]),
  ],
  ({ dice }) => [dice.pick(ADDRESSES), undefined, [on(dice.pick([NetCtrlRx.ALLUNI, NetCtrlRx.NOUNI]))]],
  ({ dice }) => {
    const to = dice.pick(ADDRESSES);
    const both = [[], [to]];
    return [to, undefined, [table(...group(to) ? both : both.reverse())]];
  },
  ({ dice }) => {
    const vlan = (command: number) => [NetCtrl.VLAN, command, TAG, 0];
    const commands = [vlan(NetCtrlVlan.ADD), vlan(NetCtrlVlan.DEL)].slice(0, dice.int(0, 2));
    return [ADDRESSES[0], TAG, commands];
  },
];

/** MAC_TABLE_SET: both lists, each behind its length. */
function table(...lists: string[][]): number[] {
  const bytes: number[] = [NetCtrl.MAC, NetCtrlMac.TABLE_SET];
  for (const list of lists) {
    bytes.push(list.length, 0, 0, 0, ...list.flatMap((a) => [...Uint8Array.fromHex(a)]));
  }
  return bytes;
}
/** A command, rightly sent. */
function send(d: Driver, queue: QueuePlan, bytes: number[]): void {
  const at = d.bufferAt(bytes.length);
  d.add({ op: "poke", at, hex: Uint8Array.from(bytes).toHex() });
  d.add({ op: "chain", q: CTRL, d: [{ a: at, n: bytes.length }, { a: d.bufferAt(1), n: 1, f: WRITE }] });
  publish(d, queue);
}
