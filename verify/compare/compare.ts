import { align, type Match } from "./align.ts";
import { pairDevices } from "./pair.ts";
import {
  type Kind,
  KINDS,
  type Lane,
  OPTIONAL,
  type Side,
  type StepInfo,
  StepList,
  type TraceDevice,
  type Vocabulary,
} from "./steps.ts";

/** A place at which the sides part: steps [a0, a1) of A stand where steps [b0, b1) of B stand. */
export interface Hunk {
  readonly a0: number;
  readonly a1: number;
  readonly b0: number;
  readonly b1: number;
}
export interface LaneResult {
  readonly device: string;
  readonly lane: Lane;
  readonly queue: number | undefined;
  readonly a: StepList;
  readonly b: StepList;
  readonly matches: readonly Match[];
  readonly hunks: readonly Hunk[];
}
/** A kind that is not compared, and why. */
export interface Omitted {
  readonly kind: Kind;
  /** Steps of each side. */
  readonly a: number;
  readonly b: number;
  readonly why: string;
}
export interface Comparison {
  readonly a: Side;
  readonly b: Side;
  readonly vocabulary: Vocabulary;
  readonly kinds: readonly Kind[];
  readonly omitted: readonly Omitted[];
  readonly lanes: readonly LaneResult[];
  readonly same: boolean;
}
export interface Selection {
  /** Part of a device's kind or of its name in a file; none: all. */
  readonly devices: readonly string[];
  /** Only these kinds; undefined: all but {@link OPTIONAL}. */
  readonly only?: ReadonlySet<Kind> | undefined;
  readonly without?: ReadonlySet<Kind>;
  readonly also?: ReadonlySet<Kind>;
}

const ALL = Object.keys(KINDS) as Kind[];

/** Compares two traces that were read into one vocabulary. */
export function compareSides(a: Side, b: Side, vocabulary: Vocabulary, selection: Selection): Comparison {
  const { kinds, omitted } = chooseKinds(a, b, vocabulary, selection);
  const golden = a.format === "golden" || b.format === "golden";
  const chosen = new Set(kinds);
  const wanted = (d: TraceDevice | undefined, name: string) =>
    selection.devices.some((part) => name.includes(part) || (d?.alias.includes(part) ?? false));
  const lanes: LaneResult[] = [];
  for (const pair of pairDevices(a, b)) {
    if (selection.devices.length > 0 && !wanted(pair.a, pair.name) && !wanted(pair.b, pair.name)) continue;
    const left = lanesOf(pair.a, vocabulary, chosen, golden),
      right = lanesOf(pair.b, vocabulary, chosen, golden);
    for (const key of new Set([...left.keys(), ...right.keys()])) {
      const x = left.get(key), y = right.get(key);
      const { lane, queue } = (x ?? y)!;
      const one = x?.steps ?? new StepList(), other = y?.steps ?? new StepList();
      const matches = align(one.info.subarray(0, one.length), other.info.subarray(0, other.length));
      lanes.push({
        device: pair.name,
        lane,
        queue,
        a: one,
        b: other,
        matches,
        hunks: hunksOf(matches, one.length, other.length),
      });
    }
  }
  return { a, b, vocabulary, kinds, omitted, lanes, same: lanes.every((l) => l.hunks.length === 0) };
}

function chooseKinds(
  a: Side,
  b: Side,
  vocabulary: Vocabulary,
  { only, without, also }: Selection,
): { kinds: Kind[]; omitted: Omitted[] } {
  const counts = [a, b].map((side) => countKinds(side, vocabulary));
  const bothKick = a.can.has("kick") && b.can.has("kick");
  const asked = (kind: Kind) => only?.has(kind) ?? (!OPTIONAL.includes(kind) || (also?.has(kind) ?? false));
  const why = (kind: Kind): string | undefined => {
    if (without?.has(kind) || !asked(kind)) {
      return OPTIONAL.includes(kind) && only === undefined && !without?.has(kind)
        ? `only when asked for (--kind +${kind})`
        : "as --kind says";
    }
    for (const [name, side] of [["A", a], ["B", b]] as const) {
      if (!side.can.has(kind)) {
        return `${name}: ${side.cannot.get(kind) ?? `a trace of this format has none`}`;
      }
    }
    return kind === "notify" && bothKick && only === undefined
      ? "the driver's own writes are compared"
      : undefined;
  };
  const kinds: Kind[] = [], omitted: Omitted[] = [];
  for (const kind of ALL) {
    const reason = why(kind);
    const [x, y] = counts.map((c) => c.get(kind) ?? 0);
    if (reason === undefined) kinds.push(kind);
    else if (x + y > 0) omitted.push({ kind, a: x, b: y, why: reason });
  }
  return { kinds, omitted };
}

function countKinds(side: Side, { infos }: Vocabulary): Map<Kind, number> {
  const counts = new Map<Kind, number>();
  for (const { lanes } of side.devices) {
    for (const { steps } of lanes) {
      for (let i = 0; i < steps.length; i++) {
        const { kind } = infos[steps.info[i]];
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
    }
  }
  return counts;
}

const GOLDEN_REGISTERS = /^queue_(size|desc|driver|device|enable|reset)/;

interface Chosen {
  lane: Lane;
  queue: number | undefined;
  steps: StepList;
}
/**
 * The lanes of a device with the steps that are compared. A golden trace has registers of its queue only, without which
 * queue is selected, and it counts barriers without their places.
 */
function lanesOf(
  device: TraceDevice | undefined,
  { infos }: Vocabulary,
  kinds: ReadonlySet<Kind>,
  golden: boolean,
): Map<string, Chosen> {
  const found = new Map<string, Chosen>();
  for (const { lane, queue, steps } of device?.lanes ?? []) {
    for (let i = 0; i < steps.length; i++) {
      const { kind, name } = infos[steps.info[i]];
      if (!kinds.has(kind) || golden && kind === "write" && !GOLDEN_REGISTERS.test(name)) continue;
      const to: Lane = golden && kind === "barrier" ? "barrier" : lane;
      const key = `${to} ${queue}`;
      let chosen = found.get(key);
      if (chosen === undefined) found.set(key, chosen = { lane: to, queue, steps: new StepList() });
      chosen.steps.add(steps.info[i], steps.line[i]);
    }
  }
  return found;
}

function hunksOf(matches: readonly Match[], a: number, b: number): Hunk[] {
  const hunks: Hunk[] = [];
  let x = 0, y = 0;
  for (const m of [...matches, { a, b, length: 0 }]) {
    if (m.a > x || m.b > y) hunks.push({ a0: x, a1: m.a, b0: y, b1: m.b });
    x = m.a + m.length;
    y = m.b + m.length;
  }
  return hunks;
}

/** A step with what is known of it. */
export interface Shown extends StepInfo {
  readonly line: number;
}
export function stepAt(list: StepList, i: number, { infos }: Vocabulary): Shown | undefined {
  return i < 0 || i >= list.length ? undefined : { ...infos[list.info[i]], line: list.line[i] };
}

/** Lanes whose number of steps depends on how fast the other end is, where notifications are suppressed. */
const TIMED: readonly Lane[] = ["notify", "interrupt", "message"];

/**
 * Whether nothing but time need be behind a difference: only how often somebody was notified, or how often a register was
 * read in vain. In golden traces there is no time: device and driver take turns.
 */
export function mayBeTime({ a, b, vocabulary }: Comparison, { lane, hunk }: Found): boolean {
  if (a.format === "golden" || b.format === "golden") return false;
  if (TIMED.includes(lane.lane)) return true;
  const only = (list: StepList, from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const { kind } = vocabulary.infos[list.info[i]];
      const again = kind === "read" && i > 0 && list.info[i - 1] === list.info[i];
      if (kind !== "kick" && !again) return false;
    }
    return true;
  };
  return only(lane.a, hunk.a0, hunk.a1) && only(lane.b, hunk.b0, hunk.b1);
}

/** A difference and where it is. */
export interface Found {
  readonly lane: LaneResult;
  readonly hunk: Hunk;
}
/** All differences in the order of A's lines; where A has nothing, of the line before. Steps of golden traces are one count. */
export function differencesOf({ a, b, lanes }: Comparison): Found[] {
  const golden = a.format === "golden" && b.format === "golden";
  const place = ({ lane: { a, b }, hunk }: Found): number => {
    const inA = hunk.a0 < hunk.a1 ? a.line[hunk.a0] : Infinity,
      inB = hunk.b0 < hunk.b1 ? b.line[hunk.b0] : Infinity;
    if (golden) return Math.min(inA, inB);
    if (inA < Infinity) return inA;
    return hunk.a0 > 0 ? a.line[hunk.a0 - 1] + 0.5 : a.length > 0 ? a.line[0] - 0.5 : inB;
  };
  return lanes.flatMap((lane) => lane.hunks.map((hunk) => ({ lane, hunk })))
    .map((found) => ({ found, at: place(found) }))
    .sort((x, y) => x.at - y.at)
    .map(({ found }) => found);
}

/** The difference to look at: the first one that time alone does not make, or else the first. Barriers of golden traces last. */
export function firstDifference(comparison: Comparison): Found | undefined {
  const all = differencesOf(comparison);
  const telling = all.filter((found) => !mayBeTime(comparison, found));
  return telling.find(({ lane }) => lane.lane !== "barrier") ?? telling[0] ?? all[0];
}
