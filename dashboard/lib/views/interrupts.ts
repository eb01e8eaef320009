import type { MachineState, VirtioState } from "../protocol.ts";
import { queueRole } from "./rings.ts";

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
  /** Entry of the device's MSI-X table that holds it; -1: none does (any more). */
  readonly entry: number;
  /** What the device sends it for: `queue 0, receive`; empty if that is not known. */
  readonly purpose: string;
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

/** An entry of a device's MSI-X table, as it was written last. */
interface TableEntry {
  readonly dev: string;
  readonly entry: number;
  readonly addr: number;
  readonly data: number;
}

/** The entries that are not masked (PCI 3.0, 6.8.2). */
function msixEntries(state: MachineState): TableEntry[] {
  const written = new Map<string, number>();
  for (const { dev, reg, value } of state.registers) written.set(`${dev} ${reg}`, value);
  return state.registers.flatMap(({ dev, reg, value: data }) => {
    const entry = /^msix\[(\d+)\]\.data$/.exec(reg)?.[1];
    const field = (name: string) => written.get(`${dev} msix[${entry}].${name}`);
    if (entry === undefined || ((field("control") ?? 1) & 1) !== 0) return [];
    const addr = (field("address_hi") ?? 0) * 2 ** 32 + (field("address_lo") ?? 0);
    return [{ dev: dev.replace(/ msix$/, ""), entry: Number(entry), addr, data }];
  });
}

/** What a virtio device sends the message of an entry for, as its vector registers say. */
function purposeOf(v: VirtioState | undefined, entry: number): string {
  if (v === undefined) return "";
  const queues = v.queues.filter((q) => q.vector === entry).map((q) => {
    const role = queueRole(v, q.index);
    return `queue ${q.index}${role === "" ? "" : ` (${role})`}`;
  });
  return [...v.configVector === entry ? ["changes of its configuration"] : [], ...queues].join(", ");
}

/** Bits of a redirection entry's low half (82093AA, 3.2.4). */
const MASKED = 1 << 16, LEVEL = 1 << 15, LOW = 1 << 13;

/** A place on a bus with the device that is there: `virtio-mmio-bus.21 (virtio-net-device.0)`. */
function withDevice(state: MachineState, place: string): string {
  const found = state.virtio.find((v) => v.name === place && v.device !== place);
  return found === undefined ? place : `${place} (${found.device})`;
}

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
      devices: withDevice(state, seen?.dev ?? ""),
      level: seen?.level ?? false,
      rises: seen?.rises ?? 0,
      vector: open ? low & 0xff : -1,
      trigger: low === undefined
        ? ""
        : `${(low & LEVEL) !== 0 ? "level" : "edge"}, active ${(low & LOW) !== 0 ? "low" : "high"}`,
    };
  });
  const table = msixEntries(state);
  const message = (device: string, addr: number, data: number, count: number): MessageRow => {
    const found = table.find((e) => e.dev === device && e.addr === addr && e.data === data);
    const entry = found?.entry ?? -1;
    const virtio = state.virtio.find((v) => v.device === device);
    const purpose = entry < 0 ? "" : purposeOf(virtio, entry);
    const cpu = Math.floor(addr / 2 ** 12) & 0xff;
    return { device, entry, purpose, vector: data & 0xff, cpu, count, addr, data };
  };
  const sent = state.messages.map((m) => message(m.dev, m.addr, m.data, m.count));
  const ready = table.map((e) => message(e.dev, e.addr, e.data, 0)).filter((e) =>
    !sent.some((s) => s.device === e.device && s.addr === e.addr && s.data === e.data)
  );
  const messages = [...sent, ...ready].sort((a, b) => a.vector - b.vector);
  const vectors = state.vectors.map(({ vector, count, last }): VectorRow => {
    const from = [
      ...lines.filter((l) => l.vector === vector).map((l) =>
        `line ${l.line}${l.devices === "" ? "" : `: ${l.devices}`}`
      ),
      ...messages.filter((m) => m.vector === vector).map(({ device, purpose }) =>
        `message of ${device}${purpose === "" ? "" : `: ${purpose}`}`
      ),
    ];
    return { vector, from: from.join(", "), count, last };
  });
  return { lines, messages, vectors };
}
