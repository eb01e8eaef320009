/** One rule, a machine, and a driver that a test leads step by step. */
import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../../../../arch/addresses.ts";
import type { Width } from "../../../../arch/platform.ts";
import type { Strict } from "../../../../verify/strict/engine.ts";
import type { Rule } from "../../../../verify/strict/rule.ts";
import { type Setting, settingName } from "../../../drivers-gone-wrong/setting.ts";
import type {
  MmioTransport,
  PciTransport,
  Student,
  Transport,
} from "../../../drivers-gone-wrong/student/mod.ts";
import { drive, simulatedWorld, type World } from "../../../drivers-gone-wrong/world.ts";
import { onceTest } from "../../../support/once.ts";

/** Steps of an initialisation (virtio 1.4, 3.1.1), in their order. */
const STEPS = ["discover", "reset", "acknowledge", "negotiate", "confirm", "queues", "live"] as const;
export type Step = typeof STEPS[number];

export class Bench {
  readonly world: World;
  readonly setting: Setting;

  constructor(rules: readonly Rule[], setting: Partial<Setting>) {
    const interrupts = setting.machine === "microvm" ? "line" : "msix";
    this.setting = {
      ...{ device: "rng", machine: "q35", ring: "split", eventIdx: false, indirect: false, interrupts },
      ...setting,
    };
    this.world = simulatedWorld(this.setting, rules);
  }
  get student(): Student {
    return this.world.student;
  }
  get transport(): Transport {
    return this.student.transport;
  }
  get isPci(): boolean {
    return this.transport.kind === "pci";
  }
  get pci(): PciTransport {
    return this.transport as PciTransport;
  }
  get mmio(): MmioTransport {
    return this.transport as MmioTransport;
  }
  get strict(): Strict {
    return this.world.strict;
  }
  /** The right steps, up to and with this one. */
  upTo(last: Step): this {
    const { student } = this;
    const actions: Record<Step, () => void> = {
      discover: () => student.discover(),
      reset: () => student.reset(),
      acknowledge: () => student.acknowledge(),
      negotiate: () => student.negotiate(),
      confirm: () => student.confirmFeatures(),
      queues: () => {
        student.openInterrupts();
        student.setUpQueues();
      },
      live: () => student.driverOk(),
    };
    for (const step of STEPS.slice(0, STEPS.indexOf(last) + 1)) actions[step]();
    return this;
  }
  /** An address of the common configuration, or of the window. */
  register(offset: number): number {
    return (this.isPci ? this.pci.common : this.mmio.base) + offset;
  }
  store(offset: number, width: Width, value: number): void {
    this.world.platform.mmioWrite(this.register(offset) as PhysAddr, width, value);
  }
  load(offset: number, width: Width): number {
    return this.world.platform.mmioRead(this.register(offset) as PhysAddr, width);
  }
  /** A device that answers so: the driver reads a register and gets `value`. */
  says(offset: number, width: Width, value: number): void {
    this.strict.emit({ ev: "mmio_read", addr: this.register(offset), width, value });
  }
  /** The same at an address. */
  saysAt(address: number, width: Width, value: number): void {
    this.strict.emit({ ev: "mmio_read", addr: address, width, value });
  }
  finish(): void {
    this.strict.end("ended");
  }
}

/** Words; where the transports differ, those of each. */
type Text = string | { readonly pci: string; readonly mmio: string };

/** What a driver does, and what a rule must say of it. */
export interface Case {
  readonly rule: Rule;
  /** What the driver does, in a few words. */
  readonly what: string;
  /** Machines; default: PCI and MMIO. */
  readonly on?: readonly Partial<Setting>[];
  readonly steps: (bench: Bench) => void;
  /** What the report must say, word by word. */
  readonly found: Text;
  readonly expected?: Text;
}

export const PCI: readonly Partial<Setting>[] = [{ machine: "q35" }];
export const MMIO: readonly Partial<Setting>[] = [{ machine: "microvm" }];
const BOTH = [...PCI, ...MMIO];

/** Each case gives exactly its report, on each of its machines. */
export function testCases(cases: readonly Case[]): void {
  for (const c of cases) {
    onceTest(`${c.rule.id}: ${c.what}`, () => {
      for (const setting of c.on ?? BOTH) {
        const bench = new Bench([c.rule], setting);
        c.steps(bench);
        bench.finish();
        const name = `${c.rule.id}: ${c.what} (${settingName(bench.setting)})`;
        const { reports } = bench.strict;
        const words = (text: Text) => typeof text === "string" ? text : text[bench.isPci ? "pci" : "mmio"];
        assertEquals(reports.map((r) => r.found), [words(c.found)], name);
        const [report] = reports;
        if (c.expected !== undefined) assertEquals(report.expected, words(c.expected), name);
        assertEquals(
          [report.rule, report.level, report.section],
          [c.rule.id, c.rule.level, c.rule.section],
          name,
        );
        assertEquals(report.evidence.length > 0, true, `${name}: no evidence`);
      }
    });
  }
}

/** Each rule of the area has a case. */
export function testComplete(area: string, rules: readonly Rule[], cases: readonly Case[]): void {
  onceTest(`${area}: every rule has a driver that breaks it`, () => {
    const broken = new Set(cases.map((c) => c.rule.id));
    assertEquals(rules.filter((r) => !broken.has(r.id)).map((r) => r.id), []);
    assertEquals(new Set(rules.map((r) => r.id)).size, rules.length);
  });
}

/** What drivers may do. */
export interface Legal {
  readonly what: string;
  readonly on?: readonly Partial<Setting>[];
  readonly steps: (bench: Bench) => void;
}

/** No rule says anything of these. */
export function testLegal(area: string, rules: readonly Rule[], cases: readonly Legal[]): void {
  for (const c of cases) {
    onceTest(`${area}: legal: ${c.what}`, () => {
      for (const setting of c.on ?? BOTH) {
        const bench = new Bench(rules, setting);
        c.steps(bench);
        bench.finish();
        const said = bench.strict.reports.map((r) => `${r.rule}: ${r.found}`);
        assertEquals(said, [], `${c.what} (${settingName(bench.setting)})`);
      }
    });
  }
}

/** A driver without mistakes, on every kind of machine: the rules have nothing to say, also one by one. */
export function testGreen(area: string, rules: readonly Rule[]): void {
  onceTest(`${area}: a driver without mistakes breaks no rule`, () => {
    for (const machine of ["q35", "pc", "microvm"] as const) {
      for (const device of ["rng", "console", "net"] as const) {
        for (const ring of ["split", "packed"] as const) {
          for (const interrupts of machine === "microvm" ? ["line"] as const : ["msix", "line"] as const) {
            const bench = new Bench(rules, { machine, device, ring, interrupts });
            const { reports, error } = drive(bench.world);
            if (error !== undefined) throw error;
            assertEquals(reports.map((r) => `${r.rule}: ${r.found}`), [], settingName(bench.setting));
          }
        }
      }
    }
  });
}
