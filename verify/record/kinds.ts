import type { TraceEvent } from "../../spec/trace.ts";

export type EventKind = TraceEvent["ev"];

/** Every kind of record; the position is its number in a recording. */
export const KINDS: readonly EventKind[] = [
  "mmio_read",
  "mmio_write",
  "port_read",
  "port_write",
  "pci_cfg_read",
  "pci_cfg_write",
  "mem_write",
  "page_table_write",
  "page_table_root",
  "barrier",
  "notify",
  "irq_line",
  "msi",
  "interrupt",
  "idle",
  "stuck",
  "task_switch",
  "task_wait",
  "task_end",
  "input",
  "output",
  "frame_in",
  "frame_out",
  "machine",
  "device",
  "pci_function",
  "qemu",
  "rule",
];

/** How grave a broken rule is; the position is its number in a recording. */
export const LEVELS = ["violation", "warning", "note"] as const;

/** Why a task waits in vain, by number. */
export const LOST_WAKES = ["unkept", "ready", "forgotten"] as const;

/** Number of a kind. */
export const KIND: Readonly<Record<EventKind, number>> = Object.fromEntries(
  KINDS.map((kind, i) => [kind, i]),
) as Record<EventKind, number>;

/** Names of what a step goes to; each is a set of kinds, and for `ring` of areas. */
export const STEPS = {
  event: KINDS.filter((k) => k !== "qemu"),
  register: ["mmio_read", "mmio_write", "port_read", "port_write", "pci_cfg_read", "pci_cfg_write"],
  ring: ["mem_write"],
  notification: ["notify"],
  interrupt: ["interrupt"],
  task: ["task_switch"],
  frame: ["frame_in", "frame_out"],
  console: ["input", "output"],
  rule: ["rule"],
  paging: ["page_table_write", "page_table_root"],
} as const satisfies Record<string, readonly EventKind[]>;

export type Step = keyof typeof STEPS;
