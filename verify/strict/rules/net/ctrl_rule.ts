import { NetCtrl } from "../../../../spec/virtio/net.ts";
import type { Rule } from "../../rule.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import { shownBytes } from "../support/segments.ts";
import { type NetCommand, readCommand } from "./ctrl_command.ts";
import { NetQueues } from "./queues.ts";

/** A command that was just made available. */
export interface Commanded {
  readonly command: NetCommand;
  readonly device: DeviceModel;
  readonly queue: QueueModel;
  readonly chain: Chain;
  readonly queues: NetQueues;
}

/** A rule about each command that a driver gives to a control queue; chains that are no good are left to other rules. */
export function controlRule(
  rule: Omit<Rule, "watch">,
  check: (sent: Commanded) => { readonly found: string; readonly expected: string } | undefined,
): Rule {
  return {
    ...rule,
    watch({ machine, report }) {
      const queues = new NetQueues();
      return {
        access: (access) => queues.access(access),
        published(queue, chain) {
          if (queues.kindOf(queue) !== "control" || chain.faults.length > 0) return;
          const command = readCommand(machine, chain);
          if (command === undefined) return;
          const { device } = queue;
          const problem = check({ command, device, queue, chain, queues });
          if (problem === undefined) return;
          report({
            device,
            queue,
            ...problem,
            evidence: shownBytes(machine, chain, false, "command", 0, 2 + command.data.length),
            place: chain.place,
          });
        },
      };
    },
  };
}

const NAMES = new Map<number, string>(Object.entries(NetCtrl).map(([name, n]) => [n, name]));

/** `class MQ (4), command 0`. */
export const commandText = ({ kind, command }: NetCommand): string =>
  `class ${NAMES.get(kind) ?? "unknown"} (${kind}), command ${command}`;
