import { featureNames, NetF } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import {
  NetCtrl,
  NetCtrlMac,
  NetCtrlMq,
  NetCtrlNotfCoal,
  NetCtrlRx,
  NetCtrlVlan,
} from "../../../../spec/virtio/net.ts";
import { commandText, controlRule } from "./ctrl_rule.ts";

const CTRL = "drivernormative:Device Types / Network Device / Device Operation / Control Virtqueue";

type Need = readonly [kind: number, commands: readonly number[], features: bigint];
/** Which commands need which feature, or one of several (virtio 1.4, 5.1.6.5). */
const NEEDS: readonly Need[] = [
  [NetCtrl.RX, [NetCtrlRx.PROMISC, NetCtrlRx.ALLMULTI], NetF.CTRL_RX],
  [NetCtrl.RX, [NetCtrlRx.ALLUNI, NetCtrlRx.NOMULTI, NetCtrlRx.NOUNI, NetCtrlRx.NOBCAST], NetF.CTRL_RX_EXTRA],
  [NetCtrl.MAC, [NetCtrlMac.TABLE_SET], NetF.CTRL_RX],
  // CTRL_MAC_ADDR has no other meaning than this command.
  [NetCtrl.MAC, [NetCtrlMac.ADDR_SET], NetF.CTRL_RX | NetF.CTRL_MAC_ADDR],
  [NetCtrl.VLAN, [NetCtrlVlan.ADD, NetCtrlVlan.DEL], NetF.CTRL_VLAN],
  [NetCtrl.ANNOUNCE, [0], NetF.GUEST_ANNOUNCE],
  [NetCtrl.MQ, [NetCtrlMq.VQ_PAIRS_SET], NetF.MQ],
  [NetCtrl.MQ, [NetCtrlMq.RSS_CONFIG], NetF.RSS],
  [NetCtrl.MQ, [NetCtrlMq.HASH_CONFIG], NetF.HASH_REPORT],
  [NetCtrl.GUEST_OFFLOADS, [0], NetF.CTRL_GUEST_OFFLOADS],
  [NetCtrl.NOTF_COAL, [NetCtrlNotfCoal.TX_SET, NetCtrlNotfCoal.RX_SET], NetF.NOTF_COAL],
  [NetCtrl.NOTF_COAL, [NetCtrlNotfCoal.VQ_SET, NetCtrlNotfCoal.VQ_GET], NetF.VQ_NOTF_COAL],
  [NetCtrl.HASH_TUNNEL, [0], NetF.HASH_TUNNEL],
  [NetCtrl.STATS, [0, 1], NetF.DEVICE_STATS],
  [NetCtrl.RSS_CONTEXT, [0, 1, 2, 3], NetF.RSS_CONTEXT],
];

export const NET_CTRL_FEATURE = controlRule(
  {
    id: "net-ctrl-feature",
    clauses: [
      `${CTRL} / Packet Receive Filtering#1`,
      `${CTRL} / Packet Receive Filtering#2`,
      `${CTRL} / Setting MAC Address Filtering#1`,
      `${CTRL} / Inner Header Hash#1`,
      `${CTRL} / Receive-side scaling (RSS)#1`,
      `${CTRL} / RSS Context#1`,
      `${CTRL} / Notifications Coalescing#2`,
      `${CTRL} / Notifications Coalescing#3`,
    ],
    level: "violation",
    section: "virtio 1.4, 5.1.6.5",
    title: "A command is sent only if its feature was negotiated",
    hint:
      "CTRL_VQ gives the queue; each group of commands has a feature of its own (CTRL_RX, CTRL_VLAN, MQ, ...). Is class " +
      "the first byte and command the second?",
  },
  ({ command, device }) => {
    const need = NEEDS.find(([kind, commands]) =>
      kind === command.kind && commands.includes(command.command)
    );
    const found = commandText(command);
    if (need === undefined) return { found, expected: "a class and a command that the specification knows" };
    const [, , features] = need;
    if (device.has(features)) return undefined;
    const names = featureNames(features, VirtioId.Net).join(" or ");
    return { found: `${found}, without ${names}`, expected: `${names} negotiated before such a command` };
  },
);
