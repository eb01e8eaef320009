import { type Props, UsageError } from "../description/types.ts";
import { type Faults, NO_FAULTS } from "./fault_link.ts";

/** Pagurus' own words, for any `-netdev`; QEMU has none like them. */
export const FAULT_PROPS = ["x-loss", "x-dup", "x-reorder", "x-corrupt", "x-delay"] as const;

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/**
 * Reads `x-loss=5%,x-dup=1%,x-reorder=2%,x-corrupt=0.1%,x-delay=10ms` out of the properties of a netdev; undefined if
 * nothing can go wrong.
 *
 * @throws {UsageError} for what is no probability or no time.
 */
export function readFaults(where: string, props: Props): Faults | undefined {
  if (!FAULT_PROPS.some((name) => props[name] !== undefined)) return undefined;
  const chance = (name: string) => {
    const text = props[name] ?? "0";
    const m = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text);
    const value = m === null ? NaN : Number(m[1]) / (m[2] === "%" ? 100 : 1);
    if (value >= 0 && value <= 1) return value;
    throw new UsageError(`${where}: ${name}=${text} is not a probability (as 5% or 0.05)`);
  };
  const delay = props["x-delay"] ?? "0ms";
  const m = /^(\d+(?:\.\d+)?)(ns|us|ms|s)$/.exec(delay);
  const ns = m === null ? NaN : Math.round(Number(m[1]) * UNITS[m[2]]);
  if (!(ns <= 60e9)) {
    throw new UsageError(`${where}: x-delay=${delay} is not a time up to 60s (as 200us, 10ms or 1s)`);
  }
  const faults: Faults = {
    loss: chance("x-loss"),
    duplicate: chance("x-dup"),
    reorder: chance("x-reorder"),
    corrupt: chance("x-corrupt"),
    delay: ns,
  };
  const names = Object.keys(NO_FAULTS) as (keyof Faults)[];
  return names.every((name) => faults[name] === 0) ? undefined : faults;
}
