import type { MachineState } from "./model/machine_state.ts";
import type { Place, Report } from "./report.ts";
import type { Finding, Rule } from "./rule.ts";

/** Reports that are kept; more are only counted. */
const KEPT = 1000;

/** Collects what rules find. The same finding at the same place is one report, and counted. */
export class Reports {
  private readonly list: Report[] = [];
  private readonly known = new Map<string, number>();
  /** Findings for which there was no more room. */
  dropped = 0;

  constructor(private readonly machine: MachineState, private readonly onReport: (report: Report) => void) {}

  get all(): readonly Report[] {
    return this.list;
  }
  add(rule: Rule, finding: Finding): void {
    const { machine } = this;
    const place = [...finding.place ?? machine.place()];
    const device = finding.device?.name ?? finding.queue?.device.name;
    const queue = finding.queue?.index;
    const key = [rule.id, device, queue, where(place) ?? finding.found].join("|");
    const at = this.known.get(key);
    if (at !== undefined) {
      const old = this.list[at];
      this.list[at] = { ...old, count: old.count + 1, lastTime: machine.time };
      return;
    }
    if (this.list.length === KEPT) {
      this.dropped++;
      return;
    }
    const { id, level, section, title, hint } = rule;
    const clauses = clausesFor(rule.clauses, (finding.device ?? finding.queue?.device)?.transport);
    const { found, expected, evidence = [] } = finding;
    const report: Report = {
      ...{ rule: id, level, clauses, section, title, hint, device, queue, found, expected, evidence, place },
      time: machine.time,
      event: Math.max(0, machine.event),
      count: 1,
      lastTime: machine.time,
    };
    this.known.set(key, this.list.length);
    this.list.push(report);
    this.onReport(report);
  }
}

/** Chapters of the transports, as they stand in ids of clauses. */
const CHAPTERS = { pci: "Virtio Over PCI Bus", mmio: "Virtio Over MMIO" };

/** A rule's clauses without those of the other transport: they say the same of it, or nothing. */
function clausesFor(clauses: readonly string[], transport: "pci" | "mmio" | undefined): readonly string[] {
  if (transport === undefined) return clauses;
  const other = CHAPTERS[transport === "pci" ? "mmio" : "pci"];
  return clauses.filter((id) => !id.includes(other));
}

/** The line at the top of a place; undefined if it is not known. */
function where(place: Place): string | undefined {
  return place.length === 0 ? undefined : `${place[0].file}:${place[0].line}`;
}
