import type { Chain } from "../../model/chain.ts";
import type { MachineModel } from "../../model/machine.ts";
import { gather, lengthOf, stretches } from "../support/segments.ts";

/** Longest command that is looked at. */
const LONGEST = 70_000;

/** A command on the control queue (virtio 1.4, 5.1.6.5). */
export interface NetCommand {
  readonly kind: number;
  readonly command: number;
  /** What follows class and command. */
  readonly data: Uint8Array;
  /** Guest-physical address of the byte that the device answers with; undefined: there is none. */
  readonly answer: number | undefined;
}

/** Undefined where there is no class and command. */
export function readCommand(machine: MachineModel, chain: Chain): NetCommand | undefined {
  const length = lengthOf(chain, false);
  if (length < 2) return undefined;
  const bytes = gather(machine, chain, false, 0, Math.min(length, LONGEST));
  const [answer] = stretches(chain, true, 0, 1);
  return { kind: bytes[0], command: bytes[1], data: bytes.subarray(2), answer: answer?.address };
}
