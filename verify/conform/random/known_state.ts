import { LegacyMmioReg } from "../../../spec/mod.ts";
import { PCI_WINDOWS, type Registers } from "./places.ts";
import type { Step } from "./program.ts";
import type { Target } from "./targets.ts";

/** MMIO: offsets of the registers of a queue, which a device reset leaves as they were written. */
const QUEUE_REGISTERS = [0x38, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4];
/** Where the used ring of a version 1 queue begins that was told nothing else. */
const ALIGN = 4096;

/**
 * Takes a device back to how every program finds it: reset, windows in place, MSI-X off and its entries plain, selectors
 * and written features 0.
 *
 * @param before what the last program did: only what it may have touched is put right.
 */
export function resetDevice(r: Registers, target: Target, before: readonly Step[]): void {
  if (target.mmio) {
    resetFeatures(r, "mmio", 0x24, 0x20);
    r.write("mmio", 0x14, 4, 0);
    for (const q of touchedQueues(before)) {
      r.write("mmio", 0x30, 4, q);
      // In version 1 the alignment is what outlives a reset.
      if (target.transport === "mmio1") r.write("mmio", LegacyMmioReg.QUEUE_ALIGN, 4, ALIGN);
      else for (const off of QUEUE_REGISTERS) r.write("mmio", off, 4, 0);
    }
    if (target.transport === "mmio1") r.write("mmio", LegacyMmioReg.GUEST_PAGE_SIZE, 4, 0);
    r.write("mmio", 0x30, 4, 0);
    return;
  }
  for (const [off, width, value] of PCI_WINDOWS) r.write("cfg", off, width, value);
  resetFeatures(r, "common", 0x08, 0x0c);
  r.write("common", 0x00, 4, 0);
  if (!before.some((s) => s.op === "reg" && s.at === "msix")) return;
  for (let v = 0; v < target.vectors; v++) {
    for (const [i, value] of [0, 0, 0, 1].entries()) r.write("msix", 16 * v + 4 * i, 4, value);
  }
}

function resetFeatures(r: Registers, at: "mmio" | "common", select: number, features: number): void {
  r.setStatus(0);
  for (const word of [1, 0]) {
    r.write(at, select, 4, word);
    r.write(at, features, 4, 0);
  }
  // Features without VERSION_1 leave a mark of their own in QEMU: reset once more.
  r.setStatus(0);
}

/** MMIO queues whose registers may have been written. */
function touchedQueues(steps: readonly Step[]): Set<number> {
  const found = new Set([0]);
  for (const s of steps) {
    if (s.op === "ring") found.add(s.q);
    if (s.op === "reg" && s.off <= 0x30 && s.off + s.width > 0x30 && s.value !== undefined) {
      found.add(s.value);
    }
  }
  return found;
}
