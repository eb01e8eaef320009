import type { TraceEvent, TraceSink } from "../../spec/trace.ts";

/** Whether QEMU's `-trace` patterns, in order, switch an event on: `*` is any text, a leading `-` switches off. */
export function matchesPatterns(patterns: readonly string[], name: string): boolean {
  let on = false;
  for (const pattern of patterns) {
    const off = pattern.startsWith("-");
    if (globMatch(off ? pattern.slice(1) : pattern, name)) on = !off;
  }
  return on;
}

function globMatch(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
  return new RegExp(`^${escaped}$`).test(name);
}

const h = (n: number) => `0x${n.toString(16)}`;

/** Prints the events that `-trace` patterns name, as QEMU's log back end does: `name arguments`. */
export class QemuLog implements TraceSink {
  readonly on = true;
  private readonly known = new Map<string, boolean>();

  constructor(private readonly patterns: readonly string[], private readonly write: (text: string) => void) {}

  emit(event: TraceEvent): void {
    const named = inQemusWords(event);
    if (named === undefined) return;
    let on = this.known.get(named.name);
    if (on === undefined) {
      on = matchesPatterns(this.patterns, named.name);
      this.known.set(named.name, on);
    }
    if (on) this.write(`${named.name} ${named.text}\n`);
  }
}

/** Records under QEMU's names where QEMU has the event. */
function inQemusWords(e: TraceEvent): { name: string; text: string } | undefined {
  switch (e.ev) {
    case "qemu":
      return e;
    case "mmio_read":
    case "mmio_write": {
      const name = e.ev === "mmio_read" ? "memory_region_ops_read" : "memory_region_ops_write";
      return {
        name,
        text: `cpu 0 addr ${h(e.addr)} value ${h(e.value)} size ${e.width} name '${e.dev ?? ""}'`,
      };
    }
    case "pci_cfg_read":
      return { name: e.ev, text: `${e.dev ?? "none"} ${e.bdf} @${h(e.offset)} -> ${h(e.value)}` };
    case "pci_cfg_write":
      return { name: e.ev, text: `${e.dev ?? "none"} ${e.bdf} @${h(e.offset)} <- ${h(e.value)}` };
    case "irq_line":
      return { name: "ioapic_set_irq", text: `vector: ${e.line} level: ${Number(e.level)}` };
    default:
      return undefined;
  }
}
