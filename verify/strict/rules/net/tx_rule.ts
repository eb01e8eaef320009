import type { Evidence } from "../../report.ts";
import type { Rule } from "../../rule.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import { shownBytes } from "../support/segments.ts";
import { NetQueues } from "./queues.ts";
import { otherHeaderSize, type TxPacket, txPacket } from "./tx_packet.ts";

/** What a rule about transmitted frames finds. */
export interface TxProblem {
  readonly found: string;
  readonly expected: string;
  readonly evidence?: readonly Evidence[];
}

/** A frame that was just made available. */
export interface Transmitted {
  readonly packet: TxPacket;
  readonly device: DeviceModel;
  readonly chain: Chain;
  readonly machine: MachineModel;
  readonly queues: NetQueues;
}

/**
 * A rule about each frame that a driver gives to a transmit queue. Chains that are no good themselves, or whose header has
 * another size, are left to the rules that say so.
 */
export function transmitRule(
  rule: Omit<Rule, "watch">,
  check: (sent: Transmitted) => TxProblem | undefined,
): Rule {
  return {
    ...rule,
    watch({ machine, report }) {
      const queues = new NetQueues();
      return {
        access: (access) => queues.access(access),
        published(queue, chain) {
          if (queues.kindOf(queue) !== "transmit" || chain.faults.length > 0) return;
          const { device } = queue;
          const packet = txPacket(machine, device, chain);
          if (packet === undefined || otherHeaderSize(machine, queues, queue, chain) !== undefined) return;
          const problem = check({ packet, device, chain, machine, queues });
          if (problem === undefined) return;
          const header = shownBytes(machine, chain, false, "header of the frame", 0, packet.headerSize);
          report({
            device,
            queue,
            found: problem.found,
            expected: problem.expected,
            evidence: [...header, ...problem.evidence ?? []],
            place: chain.place,
          });
        },
      };
    },
  };
}

/** Evidence: bytes [start, end) of the frame. */
export function shownFrame(
  { machine, chain, packet }: Transmitted,
  what: string,
  start: number,
  end: number,
): Evidence[] {
  return shownBytes(machine, chain, false, what, packet.headerSize + start, packet.headerSize + end);
}

/** `0x1a`. */
export const hex = (value: number): string => `0x${value.toString(16)}`;
