import type { Chunk, Strings } from "./columns.ts";
import { type EventKind, KIND, KINDS, type Step, STEPS } from "./kinds.ts";

/** Which events are meant: all conditions that are given must hold. Plain data, so that it can be posted and put in a link. */
export interface EventFilter {
  readonly kinds?: readonly EventKind[];
  /** As {@link kinds}, by the name of a step. `ring`: only writes to rings, not to buffers. */
  readonly step?: Step;
  /** Events with an address in [from, to]; of memory writes, those that touch it. */
  readonly from?: number;
  readonly to?: number;
  /** Part of the device's name, or of the chardev's, the netdev's or the memory area's. */
  readonly dev?: string;
  /** Part of the register's name. */
  readonly reg?: string;
  readonly queue?: number;
  readonly value?: number;
  /** Part of the id of a broken rule, or of one of its clauses. */
  readonly rule?: string;
}

/** Memory areas that are rings: `virtio-rng at 00:03.0 queue 0 desc`, `virtio-rng-pci.0 queue 0 used`. */
const RING = / queue \d+ (?!buffer|indirect)/;
const HAS_ADDRESS: readonly EventKind[] = [
  "mmio_read",
  "mmio_write",
  "port_read",
  "port_write",
  "pci_cfg_read",
  "pci_cfg_write",
  "mem_write",
  "page_table_write",
  "msi",
];

/** A filter made ready for one recording: tells for an event in a chunk whether it is meant. */
export type Match = (c: Chunk, i: number) => boolean;

/** Makes a filter ready. Strings that appear later are looked at when they do. */
export function compile(filter: EventFilter, strings: Strings): Match {
  const wanted = new Uint8Array(KINDS.length).fill(filter.kinds === undefined ? 1 : 0);
  for (const kind of filter.kinds ?? []) wanted[KIND[kind]] = 1;
  if (filter.step !== undefined) {
    const step: readonly EventKind[] = STEPS[filter.step];
    KINDS.forEach((kind, k) => {
      if (!step.includes(kind)) wanted[k] = 0;
    });
  }
  const { from, to = from, value, queue } = filter;
  if (from !== undefined) {
    KINDS.forEach((kind, k) => {
      if (!HAS_ADDRESS.includes(kind)) wanted[k] = 0;
    });
  }
  if (queue !== undefined) only(wanted, ["notify", "rule"]);
  const rule = filter.rule;
  if (rule !== undefined && rule !== "") only(wanted, ["rule"]);
  const dev = named(strings, filter.dev), reg = named(strings, filter.reg);
  const ring = filter.step === "ring" ? tested(strings, (text) => RING.test(text)) : undefined;
  return (c, i) => {
    if (wanted[c.kind[i]] === 0) return false;
    if (from !== undefined) {
      const kind = c.kind[i];
      const length = kind === KIND.mem_write || kind === KIND.page_table_write
        ? c.payload(i).length * (c.v[i] || 1)
        : 1;
      if (c.a[i] > to! || c.a[i] + length <= from) return false;
    }
    if (value !== undefined && c.v[i] !== value) return false;
    if (queue !== undefined && c.a[i] !== queue) return false;
    if (dev !== undefined && !dev(c.s1[i])) return false;
    if (reg !== undefined && !reg(c.s2[i])) return false;
    if (rule !== undefined && rule !== "" && !names(c, i, rule)) return false;
    return ring === undefined || ring(c.s1[i]);
  };
}

/** Whether a report is of the rule, or of a rule for the clause. */
function names(c: Chunk, i: number, part: string): boolean {
  const { rule, clauses } = JSON.parse(c.two(i)[0]) as { rule: string; clauses: readonly string[] };
  return [rule, ...clauses].some((text) => text.includes(part));
}

function only(wanted: Uint8Array, kinds: readonly EventKind[]): void {
  KINDS.forEach((kind, k) => {
    if (!kinds.includes(kind)) wanted[k] = 0;
  });
}

function named(strings: Strings, part: string | undefined): ((id: number) => boolean) | undefined {
  return part === undefined || part === "" ? undefined : tested(strings, (text) => text.includes(part));
}
/** Whether the string of a number passes a test; each string is tested once. */
function tested(strings: Strings, test: (text: string) => boolean): (id: number) => boolean {
  const known: boolean[] = [];
  return (id) => {
    const text = strings.text(id);
    return text !== undefined && (known[id] ??= test(text));
  };
}
