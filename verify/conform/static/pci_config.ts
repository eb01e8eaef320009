import { PciCapId, PciCfg } from "../../../spec/pci.ts";
import type { Check, Value } from "../check.ts";
import { PciConfig } from "../driver/mod.ts";
import { dump, dumpAligned, hex } from "./dump.ts";
import { ask, PCI_VARIANTS, type Question } from "./variants.ts";

const CONFIG_SIZE = 256;

/** All of configuration space, by accesses of every width. */
export function configSpace(cfg: PciConfig): Value {
  let at = -1;
  let held = cfg.held(0);
  return dumpAligned(
    (offset, width) => {
      if (at !== (offset & ~3)) held = cfg.held(at = offset & ~3);
      return held.read(width, offset & 3);
    },
    0,
    CONFIG_SIZE,
  );
}

/** What reads back after all ones and all zeros were written to each byte. Each byte gets its old value back. */
export function writeMask(cfg: PciConfig): Value {
  const results: Record<string, Value> = {};
  const answers = new Map<string, number[]>([["ones", []], ["zeros", []]]);
  for (let at = 0; at < CONFIG_SIZE; at++) {
    const byte = cfg.held(at);
    const old = byte.read(1);
    for (const [name, value] of [["ones", 0xff], ["zeros", 0]] as const) {
      byte.write(value, 1);
      answers.get(name)!.push(byte.read(1));
    }
    byte.write(old, 1);
  }
  for (const [name, bytes] of answers) results[name] = dump((at) => bytes[at], 0, CONFIG_SIZE, 1);
  results.after = dump((at) => cfg.read(at, 1), 0, CONFIG_SIZE, 1);
  return results;
}

/** The list as a driver walks it, with the bytes of each capability. */
function capabilities(cfg: PciConfig): Value {
  return cfg.capabilities().map(({ at, id, next }) => {
    const length = id === PciCapId.VENDOR ? cfg.read(at + 2, 1) : 12;
    const bytes = Array.from({ length }, (_, i) => hex(cfg.read(at + i, 1), 1)).join(" ");
    return { at: hex(at, 1), id: hex(id, 1), next: hex(next, 1), bytes };
  });
}

/** Sizes by writing ones (PCI 3.0, 6.2.5.1), the ROM's, too. */
function bars(cfg: PciConfig): Value {
  const answers: Record<string, string> = {};
  const size = (name: string, at: number) => {
    const old = cfg.read(at);
    cfg.write(at, 0xffff_ffff);
    answers[name] = hex(cfg.read(at));
    cfg.write(at, old);
  };
  for (let i = 0; i < 6; i++) size(`bar ${i}`, PciCfg.BAR0 + 4 * i);
  size("rom", 0x30);
  return answers;
}

const QUESTIONS: readonly Question<PciConfig>[] = [
  {
    what: "config-space",
    title: "configuration space, every width",
    spec: "PCI 3.0, 6.1",
    run: configSpace,
  },
  {
    what: "write-mask",
    title: "which bits of configuration space can be written",
    spec: "PCI 3.0, 6.2",
    run: writeMask,
  },
  { what: "capabilities", title: "capability list", spec: "virtio 1.4, 4.1.4", run: capabilities },
  { what: "bars", title: "sizes and kinds of BARs", spec: "PCI 3.0, 6.2.5.1", run: bars },
];

/** What can be seen of each device without placing its BARs. */
export const pciConfigChecks: readonly Check[] = ask(
  PCI_VARIANTS,
  QUESTIONS,
  (world, place) => new PciConfig(world, place),
);
