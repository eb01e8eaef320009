import { featureNames } from "../../spec/virtio/features.ts";
import { DeviceStatus, statusNames } from "../../spec/virtio/status.ts";
import { type Comparison, type Found, mayBeTime, type Shown, stepAt } from "./compare.ts";
import { rowsOf } from "./rows.ts";
import { type Known, knownDivergences } from "./known.ts";
import { meaningOf } from "./registers.ts";
import { flagNames } from "./ring_fields.ts";
import type { Kind, Side } from "./steps.ts";

const VERBS: Readonly<Record<Kind, string>> = {
  read: "reads",
  write: "writes",
  kick: "sends",
  ring: "writes",
  barrier: "executes",
  notify: "is told",
  pop: "",
  push: "",
  used: "writes",
  interrupt: "sends",
  message: "sends",
  change: "says",
  status: "has",
  config: "accesses",
};

/** A difference in words. */
export interface Explanation {
  /** What A did and what B did instead. */
  readonly text: string;
  /** What the register or field is, and the clause of the specification. */
  readonly meaning: string | undefined;
  readonly known: readonly Known[];
  /** What else is worth knowing: time, which bits. */
  readonly notes: readonly string[];
}

/** Explains a difference. */
export function explain(comparison: Comparison, found: Found): Explanation {
  const { lane, hunk } = found, { a, b, vocabulary } = comparison;
  const { x, y } = headOf(comparison, found);
  const after = (side: Side, next: Shown | undefined) =>
    next === undefined ? "it has no more steps here" : `next it ${does(next)} (${side.unit} ${next.line})`;
  const did = (side: Side, s: Shown) => `${does(s)} (${side.unit} ${s.line})`;
  const text = x !== undefined && y !== undefined
    ? `A ${did(a, x)}; B ${did(b, y)} instead.`
    : x !== undefined
    ? `A ${did(a, x)}; B does not: ${after(b, stepAt(lane.b, hunk.b0, vocabulary))}.`
    : `B ${did(b, y!)}; A does not: ${after(a, stepAt(lane.a, hunk.a0, vocabulary))}.`;
  const about = meaningOf((x ?? y)!.name);
  const notes: string[] = [];
  const early = beforeDriverOk(comparison, found, x, y);
  if (early !== undefined) notes.push(early);
  const bits = bitsOf(x, y);
  if (bits !== undefined) notes.push(bits);
  if (mayBeTime(comparison, found)) {
    notes.push(
      (x ?? y)!.kind === "read"
        ? "The same read as before: how often a driver looks until something happens is a matter of time."
        : "How often somebody is notified depends on how far the other end has come; time alone can make this difference.",
    );
  }
  const unexplained = a.replay?.unexplained ?? b.replay?.unexplained;
  if (unexplained !== undefined) {
    notes.push(
      `The replay on our queue ends at step ${unexplained}: nothing explains what is there (deno task golden).`,
    );
  }
  return {
    text,
    meaning: about === undefined ? undefined : `${(x ?? y)!.name}: ${about.what} (${about.clause})`,
    known: knownDivergences(comparison, found, x, y),
    notes,
  };
}

/** What stands in the first row of a difference. */
function headOf(
  { vocabulary }: Comparison,
  { lane, hunk }: Found,
): { x: Shown | undefined; y: Shown | undefined } {
  const row = rowsOf(lane, hunk, vocabulary)[0];
  return { x: stepAt(lane.a, row.a, vocabulary), y: stepAt(lane.b, row.b, vocabulary) };
}

function does({ kind, text }: Shown): string {
  const verb = VERBS[kind];
  if (kind === "notify") return "tells the device of the queue";
  if (kind === "kick") return `sends "${text}"`;
  return verb === "" ? text : `${verb} ${text}`;
}

/** A notification that a driver sends too early: the last status that it wrote has no DRIVER_OK. */
function beforeDriverOk(
  { vocabulary }: Comparison,
  { lane, hunk }: Found,
  x: Shown | undefined,
  y: Shown | undefined,
): string | undefined {
  for (const [name, step, list, from] of [["A", x, lane.a, hunk.a0], ["B", y, lane.b, hunk.b0]] as const) {
    if (step?.kind !== "kick") continue;
    for (let i = from; i >= 0; i--) {
      const s = stepAt(list, i, vocabulary);
      if (s?.kind !== "write" || !/^(device_)?status$/.test(s.name)) continue;
      if (((s.value ?? 0) & DeviceStatus.DRIVER_OK) !== 0) break;
      return `${name} notifies the device before DRIVER_OK, which a driver must not do (virtio 1.4, 3.1.1).`;
    }
  }
  return undefined;
}

/** Which bits only one of them has, where a value is a set of bits. */
function bitsOf(x: Shown | undefined, y: Shown | undefined): string | undefined {
  if (x?.value === undefined || y?.value === undefined || x.name !== y.name) return undefined;
  const names = namesOf(x);
  if (names === undefined) return undefined;
  const differ = (x.value ^ y.value) >>> 0;
  const only = (own: number) => names((differ & own) >>> 0);
  const parts = ([["A", only(x.value)], ["B", only(y.value)]] as const).filter(([, list]) => list !== "");
  return parts.length === 0 ? undefined : parts.map(([side, list]) => `Only ${side} has ${list}.`).join(" ");
}
function namesOf({ name, text, device }: Shown): ((bits: number) => string) | undefined {
  if (/^(device_)?status$/.test(name)) return (bits) => bits === 0 ? "" : statusNames(bits);
  if (/^(device|driver)_features?$/.test(name)) {
    const word = Number(/\[(\d)\]/.exec(text)?.[1] ?? 0);
    return (bits) => featureNames(BigInt(bits) << BigInt(32 * word), device).join(" ");
  }
  if (name === "desc.flags" || name === "table.entry") {
    const packed = /AVAIL|USED/.test(text);
    return (bits) => bits === 0 ? "" : flagNames(bits, packed).replace(/^0x[0-9a-f]+ /, "");
  }
  return undefined;
}
