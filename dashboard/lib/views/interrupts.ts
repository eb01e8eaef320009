import type { MachineState } from "../protocol.ts";

export interface LineRow {
  readonly line: number;
  readonly devices: string;
  readonly level: boolean;
  readonly rises: number;
  /** Vector that the IOAPIC sends for it; -1: it is masked, or not set up. */
  readonly vector: number;
  /** `level, active low`; empty without an entry. */
  readonly trigger: string;
}
export interface MessageRow {
  readonly device: string;
  readonly vector: number;
  /** APIC id of the CPU that it goes to. */
  readonly cpu: number;
  readonly count: number;
  readonly addr: number;
  readonly data: number;
}
export interface VectorRow {
  readonly vector: number;
  /** Lines and devices that lead to it. */
  readonly from: string;
  readonly count: number;
  /** Event of the last time. */
  readonly last: number;
}
export interface Interrupts {
  readonly lines: readonly LineRow[];
  readonly messages: readonly MessageRow[];
  readonly vectors: readonly VectorRow[];
}

/** Bits of a redirection entry's low half (82093AA, 3.2.4). */
const MASKED = 1 << 16, LEVEL = 1 << 15, LOW = 1 << 13;

/** Lines, messages and vectors, each with where it leads or comes from. */
export function interrupts(state: MachineState): Interrupts {
  const entries = new Map(state.redirections.map((r) => [r.line, r.low]));
  const numbers = new Set([
    ...state.lines.map((l) => l.line),
    ...state.redirections.filter((r) => (r.low & MASKED) === 0).map((r) => r.line),
  ]);
  const lines = [...numbers].sort((a, b) => a - b).map((line): LineRow => {
    const seen = state.lines.find((l) => l.line === line);
    const low = entries.get(line);
    const open = low !== undefined && (low & MASKED) === 0;
    return {
      line,
      devices: seen?.dev ?? "",
      level: seen?.level ?? false,
      rises: seen?.rises ?? 0,
      vector: open ? low & 0xff : -1,
      trigger: low === undefined
        ? ""
        : `${(low & LEVEL) !== 0 ? "level" : "edge"}, active ${(low & LOW) !== 0 ? "low" : "high"}`,
    };
  });
  const messages = state.messages.map((m): MessageRow => ({
    device: m.dev,
    vector: m.data & 0xff,
    cpu: Math.floor(m.addr / 2 ** 12) & 0xff,
    count: m.count,
    addr: m.addr,
    data: m.data,
  }));
  const vectors = state.vectors.map(({ vector, count, last }): VectorRow => {
    const from = [
      ...lines.filter((l) => l.vector === vector).map((l) =>
        `line ${l.line}${l.devices === "" ? "" : ` (${l.devices})`}`
      ),
      ...messages.filter((m) => m.vector === vector).map((m) => `message of ${m.device}`),
    ];
    return { vector, from: from.join(", "), count, last };
  });
  return { lines, messages, vectors };
}
