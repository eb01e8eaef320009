import { CommonCfg, LegacyMmioReg, MmioReg } from "../../../spec/mod.ts";
import { Port } from "../driver/mod.ts";
import type { Observation } from "./execute.ts";
import type { Found } from "./kept.ts";
import type { Desc, Program, Step } from "./program.ts";

const namesOf = (registers: Record<string, number>): Map<number, string> =>
  new Map(Object.entries(registers).map(([name, at]) => [at, name.toLowerCase()]));
const COMMON = namesOf(CommonCfg);
/** Of both versions. */
const MMIO = namesOf({ ...MmioReg, ...LegacyMmioReg });
/** Those that are there whether or not MSI-X is enabled. */
const LEGACY = new Map(
  Object.entries(Port).filter(([, at]) => at < Port.CONFIG_VECTOR).map((
    [name, at],
  ) => [at as number, name.toLowerCase()]),
);
/** Characters of a value that are shown: enough for all registers. */
const LONGEST = 800;
const hex = (n: number) => n.toString(16);

/** The command that runs one program again. */
export function reproduce(program: Program): string {
  return `deno task conform --random 1 --seed ${program.seed} --only ${program.target}#${program.index}`;
}

/** A step in a line. */
export function stepText(step: Step): string {
  switch (step.op) {
    case "reg": {
      const access = `${place(step)}${step.width === 4 ? "" : ` (${8 * step.width} bit)`}`;
      return step.value === undefined ? `read  ${access}` : `write ${access} <- ${hex(step.value)}`;
    }
    case "ring":
      return `ring  queue ${step.q}: ${step.packed ? "packed" : "split"}, ${step.size} entries, areas ` +
        [step.desc, step.driver, step.device].map(hex).join(" ");
    case "chain": {
      const odd = [
        step.head === undefined ? "" : ` head ${step.head}`,
        step.id === undefined ? "" : ` id ${step.id}`,
        step.stale ? " of the round before" : "",
      ].join("");
      return `chain queue ${step.q}:${odd} ${step.d.map(descText).join(" -> ")}`;
    }
    case "publish":
      return `show  queue ${step.q}${step.jump === undefined ? "" : `, index ${step.jump} too far`}` +
        (step.kick ? ", notify" : "");
    case "suppress":
      return `want  queue ${step.q}:${step.flags === undefined ? "" : ` flags ${hex(step.flags)}`}` +
        (step.event === undefined ? "" : ` event at ${step.event} from here`);
    case "poke":
      return `poke  ${hex(step.at)}: ${step.hex}`;
    case "input":
      return `input ${step.hex}`;
  }
}
function place({ at, off }: Extract<Step, { op: "reg" }>): string {
  const names = at === "common" ? COMMON : at === "mmio" ? MMIO : at === "legacy" ? LEGACY : undefined;
  if (at === "mmio" && off >= 0x100) return `mmio config+${hex(off - 0x100)}`;
  return `${at} ${names?.get(off) ?? `+${hex(off)}`}`;
}
function descText(d: Desc): string {
  const flags = d.f === undefined ? "" : `^${hex(d.f)}`;
  const x = d.x === undefined ? "" : ` next/id ${d.x}`;
  const table = d.t === undefined ? "" : ` table [${d.t.map(descText).join(" -> ")}]`;
  return `{${hex(d.a)}+${d.n}${flags}${x}${table}}`;
}
function observationText(o: Observation | undefined): string {
  if (o === undefined) return "(nothing)";
  const parts: string[] = [];
  if (o.value !== undefined) parts.push(`= ${hex(o.value)}`);
  if (o.status !== undefined) parts.push(`status ${hex(o.status)}`);
  if (o.isr !== undefined) parts.push(`isr ${hex(o.isr)}`);
  for (const name of ["lines", "mail", "memory", "output", "end", "gone"] as const) {
    if (o[name] !== undefined) parts.push(`${name} [${shortened(o[name])}]`);
  }
  return parts.join(", ");
}

/** Long stretches of bytes are cut, and long lists of them: their beginnings tell enough. */
function shortened(text: string): string {
  const short = text.replace(
    /[0-9a-f]{33,}/g,
    (bytes) => `${bytes.slice(0, 16)}...(${bytes.length / 2} bytes)`,
  );
  return short.length <= LONGEST ? short : `${short.slice(0, LONGEST)}...`;
}

/** A program step by step, with what was seen on both sides, up to the first difference. */
export function show({ program, difference, simulated, qemu }: Found, other = "qemu"): string {
  const lines = [
    `program ${program.target}#${program.index} of seed ${program.seed}, ${program.steps.length} steps left:`,
  ];
  for (let i = 0; i <= Math.min(difference.step, program.steps.length); i++) {
    const text = i < program.steps.length ? stepText(program.steps[i]) : "end";
    lines.push(`${i === difference.step ? "->" : "  "} ${String(i).padStart(3)} ${text}`);
    if (i < difference.step) {
      const seen = observationText(simulated[i]);
      if (seen !== "") lines.push(`           ${seen}`);
      continue;
    }
    lines.push(`           simulated  ${observationText(simulated[i])}`);
    lines.push(`           ${other.padEnd(9)}  ${observationText(qemu[i])}`);
    lines.push(`           differs in ${difference.fields.join(", ")}`);
    if (difference.fields.includes("end")) {
      lines.push(`           ${endDifference(simulated[i]?.end, qemu[i]?.end)}`);
    }
  }
  lines.push(`again: ${reproduce(program)}`);
  return lines.join("\n");
}
function endDifference(a = "", b = ""): string {
  const there = new Set(b.split(" "));
  const here = new Set(a.split(" "));
  const only = (own: Set<string>, other: Set<string>) => [...own].filter((x) => !other.has(x)).join(" ");
  return `simulated ${only(here, there)} / other ${only(there, here)}`;
}
