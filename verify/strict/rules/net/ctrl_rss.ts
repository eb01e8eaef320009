import { NetF } from "../../../../spec/virtio/features.ts";
import { NetConfig, NetCtrl, NetCtrlMq, NetCtrlNotfCoal } from "../../../../spec/virtio/net.ts";
import type { DeviceModel } from "../../model/device.ts";
import { type Commanded, controlRule } from "./ctrl_rule.ts";
import type { NetQueues } from "./queues.ts";
import { hex } from "./tx_rule.ts";

const CTRL = "drivernormative:Device Types / Network Device / Device Operation / Control Virtqueue";
const RSS = `${CTRL} / Receive-side scaling (RSS)`;
type Problem = { readonly found: string; readonly expected: string } | undefined;

/** hash_types le32, mask le16, unclassified queue le16, then the table (virtio 1.4, 5.1.6.5.7.1). */
const MASK = 4, UNCLASSIFIED = 6, TABLE = 8;

export const NET_CTRL_RSS = controlRule(
  {
    id: "net-ctrl-rss",
    clauses: [`${RSS}#2`, `${RSS}#3`, `${RSS}#4`, `${RSS}#5`],
    level: "violation",
    section: "virtio 1.4, 5.1.6.5.7.1.1",
    title:
      "RSS_CONFIG names hash types that the device has, and a table of enabled receive queues whose length is a power of two",
    hint:
      "The mask is the length of the table minus 1; an entry is the number of the receive queue (queue index / 2).",
  },
  (sent) => {
    const { command, device } = sent;
    if (command.kind !== NetCtrl.MQ || command.command !== NetCtrlMq.RSS_CONFIG || !device.has(NetF.RSS)) {
      return undefined;
    }
    return hashTypes(sent) ?? table(sent);
  },
);

const u16 = (bytes: Uint8Array, at: number) => bytes[at] | bytes[at + 1] << 8;
const u32 = (bytes: Uint8Array, at: number) => (u16(bytes, at) | u16(bytes, at + 2) << 16) >>> 0;

function hashTypes({ command, device, queues }: Commanded): Problem {
  const known = queues.config.read(device, NetConfig.SUPPORTED_HASH_TYPES, 4);
  if (command.data.length < 4 || known === undefined) return undefined;
  const asked = u32(command.data, 0), supported = u32(known, 0);
  return (asked & ~supported) === 0 ? undefined : {
    found: `hash_types ${hex(asked)}`,
    expected: `nothing but ${hex(supported)}, which are supported_hash_types`,
  };
}

function table({ command, device, queues }: Commanded): Problem {
  const { data } = command;
  if (data.length < TABLE) {
    return { found: `${data.length} bytes of data`, expected: "the table of queues in it" };
  }
  const mask = u16(data, MASK), entries = mask + 1;
  if ((entries & mask) !== 0) {
    return {
      found: `indirection_table_mask ${hex(mask)}: ${entries} entries`,
      expected: "a power of two of them",
    };
  }
  const max = queues.config.u16(device, NetConfig.RSS_MAX_INDIRECTION_TABLE_LENGTH);
  if (max !== undefined && mask >= max) {
    return {
      found: `indirection_table_mask ${mask}`,
      expected: `less than ${max}, the longest table of the device`,
    };
  }
  if (data.length < TABLE + 2 * entries) {
    return {
      found: `${data.length} bytes of data for ${entries} entries`,
      expected: `${TABLE + 2 * entries} at least`,
    };
  }
  const wrong = (what: string, at: number): Problem => {
    const queue = 2 * u16(data, at);
    return receives(device, queues, queue) ? undefined : {
      found: `${what} is receiveq${u16(data, at) + 1} (queue ${queue}), no receive queue that is enabled`,
      expected: "one that is",
    };
  };
  for (let i = 0; i < entries; i++) {
    const problem = wrong(`entry ${i}`, TABLE + 2 * i);
    if (problem !== undefined) return problem;
  }
  return wrong("unclassified_queue", UNCLASSIFIED);
}
function receives(device: DeviceModel, queues: NetQueues, index: number): boolean {
  const queue = device.queues.get(index);
  return queue !== undefined && queue.enabled && queues.kindOf(queue) === "receive";
}

export const NET_CTRL_HASH_RESERVED = controlRule(
  {
    id: "net-ctrl-hash-reserved",
    clauses: ["unlabelled:device-types/net/description.tex:2106#1"],
    level: "violation",
    section: "virtio 1.4, 5.1.6.5.6.4",
    title: "The reserved bytes of HASH_CONFIG are 0",
    hint: "hash_types (le32), 8 reserved bytes, the key's length, the key.",
  },
  ({ command, device }) => {
    if (
      command.kind !== NetCtrl.MQ || command.command !== NetCtrlMq.HASH_CONFIG ||
      !device.has(NetF.HASH_REPORT)
    ) {
      return undefined;
    }
    const at = command.data.subarray(4, 12).findIndex((b) => b !== 0);
    return at < 0
      ? undefined
      : { found: `byte ${4 + at} of the data is ${hex(command.data[4 + at])}`, expected: "0" };
  },
);

export const NET_CTRL_COALESCE = controlRule(
  {
    id: "net-ctrl-coalesce",
    clauses: [`${CTRL} / Notifications Coalescing#1`],
    level: "violation",
    section: "virtio 1.4, 5.1.6.5.9.2",
    title: "VQ_SET and VQ_GET name an enabled receive or transmit queue",
    hint: "vq_index is the queue's number (receiveq2 is 2), not that of its pair.",
  },
  ({ command, device, queues }) => {
    const { VQ_SET, VQ_GET } = NetCtrlNotfCoal;
    const ours = command.kind === NetCtrl.NOTF_COAL &&
      (command.command === VQ_SET || command.command === VQ_GET);
    if (!ours || !device.has(NetF.VQ_NOTF_COAL) || command.data.length < 2) return undefined;
    const index = u16(command.data, 0), queue = device.queues.get(index);
    const kind = queue && queues.kindOf(queue);
    if (queue?.enabled && (kind === "receive" || kind === "transmit")) return undefined;
    return { found: `vq_index is ${index}`, expected: "an enabled receive or transmit queue" };
  },
);
