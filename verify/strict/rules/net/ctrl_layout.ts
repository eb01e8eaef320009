import { NetCtrl, NetCtrlMac, NetCtrlMq } from "../../../../spec/virtio/net.ts";
import type { Rule } from "../../rule.ts";
import { lengthOf, shownBytes, shownSegment } from "../support/segments.ts";
import type { NetCommand } from "./ctrl_command.ts";
import { commandText, controlRule } from "./ctrl_rule.ts";
import { NetQueues } from "./queues.ts";

const CTRL = "drivernormative:Device Types / Network Device / Device Operation / Control Virtqueue";

export const NET_CTRL_LAYOUT: Rule = {
  id: "net-ctrl-layout",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 5.1.6.5",
  title: "A command is class, command and data to read, and a byte for the answer to write",
  hint: "The bytes of the command are readable for the device; one writable byte comes last in the chain.",
  watch({ machine, report }) {
    const queues = new NetQueues();
    return {
      access: (access) => queues.access(access),
      published(queue, chain) {
        if (queues.kindOf(queue) !== "control" || chain.faults.some((f) => f.kind !== "order")) return;
        const readable = lengthOf(chain, false), writable = lengthOf(chain, true);
        if (readable >= 2 && writable >= 1) return;
        report({
          device: queue.device,
          queue,
          found: `a command of ${readable} readable and ${writable} writable bytes`,
          expected: readable < 2
            ? "class and command to read: 2 bytes at least"
            : "a writable byte for the answer",
          evidence: [
            ...chain.segments.map((s) => shownSegment(machine, s)),
            ...shownBytes(machine, chain, false, "command", 0, readable),
          ],
          place: chain.place,
        });
      },
    };
  },
};

/** Bytes of data of the commands whose data has a fixed length. */
function dataLength({ kind, command }: NetCommand): number | undefined {
  switch (kind) {
    case NetCtrl.RX:
      return 1;
    case NetCtrl.MAC:
      return command === NetCtrlMac.ADDR_SET ? 6 : undefined;
    case NetCtrl.VLAN:
      return 2;
    case NetCtrl.ANNOUNCE:
      return 0;
    case NetCtrl.MQ:
      return command === NetCtrlMq.VQ_PAIRS_SET ? 2 : undefined;
    case NetCtrl.GUEST_OFFLOADS:
      return 8;
    case NetCtrl.HASH_TUNNEL:
      return 4;
    case NetCtrl.NOTF_COAL:
      return command <= 1 ? 8 : undefined;
    default:
      return undefined;
  }
}
const MAX_VLAN = 4095;

export const NET_CTRL_DATA = controlRule(
  {
    id: "net-ctrl-data",
    clauses: [],
    level: "violation",
    section: "virtio 1.4, 5.1.6.5",
    title: "The data of a command has the length and the values that its command has",
    hint:
      "Receive modes take one byte (0 or 1), VLAN and MQ a le16, offloads a le64, an address its 6 bytes, ANNOUNCE none.",
  },
  ({ command }) => {
    const { kind, data } = command;
    const wanted = dataLength(command);
    const what = commandText(command);
    if (wanted !== undefined && data.length !== wanted) {
      return { found: `${what}: ${data.length} bytes of data`, expected: `${wanted} bytes` };
    }
    if (kind === NetCtrl.RX && data[0] > 1) {
      return { found: `${what}: ${data[0]}`, expected: "0 (off) or 1 (on)" };
    }
    const vlan = data[0] | data[1] << 8;
    if (kind === NetCtrl.VLAN && vlan > MAX_VLAN) {
      return { found: `${what}: VLAN ${vlan}`, expected: `0 to ${MAX_VLAN}, little-endian` };
    }
    return undefined;
  },
);

export const NET_CTRL_MAC_TABLE = controlRule(
  {
    id: "net-ctrl-mac-table",
    clauses: [`${CTRL} / Setting MAC Address Filtering#3`],
    level: "violation",
    section: "virtio 1.4, 5.1.6.5.2",
    title:
      "TABLE_SET carries two lists, unicast and multicast, each a count (le32) and its addresses of 6 bytes",
    hint: "Both counts are there even if a list is empty: 8 bytes of zeroes clear the table.",
  },
  ({ command }) => {
    const { kind, data } = command;
    if (kind !== NetCtrl.MAC || command.command !== NetCtrlMac.TABLE_SET) return undefined;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    let at = 0;
    for (const list of ["unicast", "multicast"]) {
      if (at + 4 > data.length) {
        return {
          found: `${data.length} bytes: no count of the ${list} list at byte ${at}`,
          expected: "a le32 there",
        };
      }
      const count = view.getUint32(at, true), end = at + 4 + 6 * count;
      if (end > data.length) {
        return {
          found: `${count} addresses in the ${list} list, in ${data.length - at - 4} bytes`,
          expected: `${6 * count} bytes of addresses (the count is little-endian)`,
        };
      }
      for (let mac = at + 4; mac < end; mac += 6) {
        if ((data[mac] & 1) !== 0 === (list === "multicast")) continue;
        const text = Array.from(data.subarray(mac, mac + 6), (b) => b.toString(16).padStart(2, "0")).join(
          ":",
        );
        return { found: `${text} in the ${list} list`, expected: `${list} addresses alone` };
      }
      at = end;
    }
    const rest = data.length - at;
    return rest === 0 ? undefined : { found: `${rest} bytes behind the second list`, expected: "none" };
  },
);
