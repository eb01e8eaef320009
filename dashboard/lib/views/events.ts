import type { TraceEvent } from "../protocol.ts";
import { hex, time } from "./numbers.ts";

/** Bytes of a memory write that a line shows. */
const SHOWN = 16;

/** Who acts in an event: for its mark and colour. */
export type Actor = "driver" | "device" | "cpu" | "outside" | "note";

/** An event as a line: who, what kind, and the rest. */
export interface EventLine {
  readonly actor: Actor;
  readonly what: string;
  readonly text: string;
}

/** `virtio-rng-pci.0 device_status`: a register by name, or by address where it has none. */
function place(e: { dev?: string; reg?: string }, address: number): string {
  return [e.dev, e.reg].filter((x) => x !== undefined).join(" ") || hex(address);
}
function bytes(text: string, repeat: number | undefined): string {
  const shown = text.slice(0, 2 * SHOWN).replace(/../g, "$& ").trim();
  const more = text.length > 2 * SHOWN ? ` … (${text.length / 2} bytes)` : "";
  return shown + more + (repeat === undefined || repeat < 2 ? "" : ` × ${repeat}`);
}
/** Bytes as text, where they are; others as dots. */
export function printable(text: string): string {
  return text.replace(/../g, (pair) => {
    const code = parseInt(pair, 16);
    return code === 10 ? "⏎" : code >= 32 && code < 127 ? String.fromCharCode(code) : "·";
  });
}

/** An event in words. */
export function eventLine(e: TraceEvent): EventLine {
  switch (e.ev) {
    case "mmio_read":
    case "port_read":
      return {
        actor: "driver",
        what: "reads",
        text: `${place(e, "addr" in e ? e.addr : e.port)} → ${hex(e.value)}`,
      };
    case "mmio_write":
    case "port_write":
      return {
        actor: "driver",
        what: "writes",
        text: `${place(e, "addr" in e ? e.addr : e.port)} ← ${hex(e.value)}`,
      };
    case "pci_cfg_read":
      return {
        actor: "driver",
        what: "reads config",
        text: `${e.bdf} ${e.dev ?? "(nobody)"} +${hex(e.offset, 2)} → ${hex(e.value)}`,
      };
    case "pci_cfg_write":
      return {
        actor: "driver",
        what: "writes config",
        text: `${e.bdf} ${e.dev ?? "(nobody)"} +${hex(e.offset, 2)} ← ${hex(e.value)}`,
      };
    case "mem_write":
      return {
        actor: e.by,
        what: "writes memory",
        text: `${e.area === undefined ? "" : `${e.area}, `}${hex(e.addr)}: ${bytes(e.hex, e.repeat)}`,
      };
    case "page_table_write":
      return {
        actor: "cpu",
        what: "maps",
        text: `page table entry ${hex(e.addr)}: ${bytes(e.hex, e.repeat)}`,
      };
    case "page_table_root":
      return { actor: "cpu", what: "loads CR3", text: hex(e.addr) };
    case "barrier":
      return { actor: "driver", what: "barrier", text: e.kind };
    case "notify":
      return {
        actor: "driver",
        what: "notifies",
        text: `${e.dev}, queue ${e.queue}${e.data === undefined ? "" : `, data ${hex(e.data)}`}`,
      };
    case "irq_line":
      return {
        actor: "device",
        what: e.level ? "raises line" : "lowers line",
        text: `${e.line}${e.dev === undefined ? "" : ` (${e.dev})`}`,
      };
    case "msi":
      return {
        actor: "device",
        what: "sends message",
        text: `${hex(e.data)} to ${hex(e.addr)}${e.dev === undefined ? "" : ` (${e.dev})`}`,
      };
    case "interrupt":
      return { actor: "cpu", what: "takes interrupt", text: `vector ${e.vector} (${hex(e.vector)})` };
    case "rule":
      return { actor: "cpu", what: `breaks a rule (${e.level})`, text: `${e.rule}: ${e.found}` };
    case "stuck":
      return { actor: "cpu", what: "is stuck", text: "nothing can wake it" };
    case "idle":
      return {
        actor: "cpu",
        what: "halts",
        text: e.until === undefined ? "until an interrupt" : `until ${time(e.until)}`,
      };
    case "task_switch":
      return { actor: "cpu", what: "runs task", text: e.task };
    case "task_wait":
      return { actor: "cpu", what: "task waits", text: `${e.task}, for ${e.on}` };
    case "task_end":
      return { actor: "cpu", what: "task ends", text: `${e.task}: ${e.how}` };
    case "input":
      return { actor: "outside", what: "input", text: `${e.chardev}: ${printable(e.hex.slice(0, 160))}` };
    case "output":
      return { actor: "outside", what: "output", text: `${e.chardev}: ${printable(e.hex.slice(0, 160))}` };
    case "frame_in":
      return { actor: "outside", what: "frame in", text: `${e.netdev}: ${e.hex.length / 2} bytes` };
    case "frame_out":
      return { actor: "outside", what: "frame out", text: `${e.netdev}: ${e.hex.length / 2} bytes` };
    case "machine":
      return { actor: "note", what: "machine", text: `${e.machine}, ${e.memory / 2 ** 20} MiB` };
    case "device":
      return { actor: "note", what: "device", text: `${e.name} at ${e.place}` };
    case "pci_function":
      return { actor: "note", what: "PCI function", text: `${e.bdf} ${e.dev}` };
    case "qemu":
      return { actor: "note", what: e.name, text: e.text };
  }
}
