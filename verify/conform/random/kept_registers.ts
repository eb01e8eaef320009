/** What a program has told the device, read from its steps: for those who explain differences (`kept.ts`). */
import { CommonCfg, ConsoleQueue, DescF, LegacyMmioReg, MmioReg, VirtioPciCap } from "../../../spec/mod.ts";
import { Cap } from "./places.ts";
import { type Desc, Ram, type Step } from "./program.ts";
import type { Target } from "./targets.ts";

type RingStep = Extract<Step, { op: "ring" }>;
/** Longest queue of QEMU. */
const MAX_SIZE = 1024;

/** The receive chains of a card; one that ends with NEXT goes on in the one behind it. */
export function joined(steps: readonly Step[]): Desc[][] {
  const found: Desc[][] = [];
  let goesOn = false;
  for (const step of steps) {
    if (step.op !== "chain" || step.q !== 0) continue;
    if (goesOn) found[found.length - 1].push(...step.d);
    else found.push([...step.d]);
    goesOn = ((step.d.at(-1)?.f ?? 0) & DescF.NEXT) !== 0;
  }
  return found;
}
/** Bytes that a device may write of a chain. */
export function roomOf(list: readonly Desc[]): number {
  return list.reduce((n, each) => n + (((each.f ?? 0) & DescF.WRITE) === 0 ? 0 : each.n), 0);
}
/** Whether a ring is the control receive queue's: by its number, or because that queue was told to lie there. */
export function isControlReceive({ q, desc }: RingStep, steps: readonly Step[]): boolean {
  if (q === ConsoleQueue.CTRL_RECEIVE) return true;
  let selected: number = 0;
  if (pagesNamed(steps).some((named) => named.q === ConsoleQueue.CTRL_RECEIVE && named.desc === desc)) {
    return true;
  }
  return throughWindow(steps).some((s) => {
    if (s.op !== "reg" || s.value === undefined) return false;
    const is = (common: number, mmio: number) =>
      s.off === (s.at === "mmio" ? mmio : s.at === "common" ? common : -1);
    if (is(CommonCfg.QUEUE_SELECT, MmioReg.QUEUE_SEL)) selected = s.value;
    return is(CommonCfg.QUEUE_DESC, MmioReg.QUEUE_DESC_LOW) && selected === ConsoleQueue.CTRL_RECEIVE &&
      s.value === desc;
  });
}
/** What the program writes to registers of a queue's size. */
export function sizesOf(steps: readonly Step[]): number[] {
  return throughWindow(steps).flatMap((s) => {
    if (s.op !== "reg" || s.value === undefined) return [];
    const size = s.at === "common"
      ? s.off === CommonCfg.QUEUE_SIZE
      : s.at === "mmio" && s.off === MmioReg.QUEUE_NUM;
    return size && s.value > 0 && s.value <= MAX_SIZE ? [s.value] : [];
  });
}

/** The steps, with what is written through the window in configuration space as the register write that it is. */
function throughWindow(steps: readonly Step[]): Step[] {
  let off = 0;
  return steps.map((step) => {
    if (step.op !== "reg" || step.at !== "cfg" || step.value === undefined) return step;
    if (step.off === Cap.pciCfg + VirtioPciCap.OFFSET) off = step.value;
    return step.off === Cap.pciCfg + VirtioPciCap.EXTRA ? { ...step, at: "common", off } : step;
  });
}

/** Whether the program writes an address of a ring's area, or half of one, that is beyond RAM. */
export function namesAreaOutside(steps: readonly Step[], { transport }: Target): boolean {
  const end = Ram.size - Ram.big;
  if (transport === "mmio1") return pagesNamed(steps).some(({ desc }) => desc >= end);
  return throughWindow(steps).some((step) => {
    if (step.op !== "reg" || step.value === undefined) return false;
    const { at, off, value } = step;
    const area = at === "common" ? off >= 0x20 && off < 0x38 : at === "mmio" && off >= 0x80 && off < 0xa8;
    return area && ((off & 4) === 0 ? value >= end : value !== 0);
  });
}
/** Where QueuePFN of virtio-mmio version 1 says that queues lie. */
function pagesNamed(steps: readonly Step[]): { q: number; desc: number }[] {
  let q = 0, page = 1;
  return steps.flatMap((s) => {
    if (s.op !== "reg" || s.at !== "mmio" || s.value === undefined) return [];
    if (s.off === MmioReg.QUEUE_SEL) q = s.value;
    if (s.off === LegacyMmioReg.GUEST_PAGE_SIZE) page = (s.value & -s.value) >>> 0 || 1;
    return s.off === LegacyMmioReg.QUEUE_PFN ? [{ q, desc: s.value * page }] : [];
  });
}
