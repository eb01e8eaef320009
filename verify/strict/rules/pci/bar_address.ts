import { PciCfg, PciCommand } from "../../../../spec/pci.ts";
import type { ConfigAccess } from "../../events.ts";
import type { FunctionModel, MachineModel } from "../../model/machine.ts";
import type { Rule } from "../../rule.ts";
import { hex } from "../basic/_registers.ts";
import { commandOf } from "./_capabilities.ts";

/** Physical addresses have at most 52 bits (Intel SDM 3A, 4.1.4). */
const LAST_ADDRESS = 2 ** 52;

/** What is wrong with where a memory BAR is, or undefined. */
function misplaced(machine: MachineModel, fn: FunctionModel, bar: number, own: boolean): string | undefined {
  const size = fn.barSize(bar);
  const address = fn.barAddress(bar);
  if (size === 0 || fn.isPorts(bar)) return undefined;
  // All ones, as a write for sizing leaves them: in the lower half alone, or in both.
  if (address === 2 ** 32 - size || address + size > LAST_ADDRESS) {
    return "holds all ones, as a write for sizing leaves it";
  }
  if (address === 0) return own ? "has no address" : undefined;
  return machine.isRam(address, 1) ? "is in RAM" : undefined;
}

/** COMMAND as an access writes it, if it does. */
function writtenCommand(a: ConfigAccess): number | undefined {
  if (!a.write || a.offset > PciCfg.COMMAND || a.offset + a.width <= PciCfg.COMMAND) return undefined;
  return Math.floor(a.value / 2 ** (8 * (PciCfg.COMMAND - a.offset))) & 0xffff;
}

/** Decoding begins when all BARs have their places. */
export const BAR_ADDRESS: Rule = {
  id: "pci-bar-address",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.2.5.1",
  title: "A function decodes memory only when its base address registers hold addresses of its own",
  hint: "After sizing write the old value back, or an address that is free; both halves of a 64-bit BAR.",
  watch: (scene) => ({
    config(a) {
      const command = writtenCommand(a);
      const fn = scene.machine.functions.get(a.bdf);
      if (command === undefined || fn === undefined || (fn.config[PciCfg.HEADER_TYPE] & 0x7f) !== 0) return;
      if ((command & ~commandOf(fn.config) & PciCommand.MEMORY) === 0) return;
      for (let bar = 0; bar < 6; bar++) {
        const why = misplaced(scene.machine, fn, bar, a.device !== undefined);
        if (why === undefined) continue;
        scene.report({
          device: a.device,
          found: `COMMAND of ${a.bdf} (${fn.name}) was written with ${hex(command)} while BAR${bar}, at ` +
            `${hex(fn.barAddress(bar))}, ${why}`,
          expected: "an address of its own in each BAR of memory before bit 1 of COMMAND is set",
          evidence: [{ what: `BAR${bar}`, address: fn.barAddress(bar), value: `${fn.barSize(bar)} bytes` }],
        });
        return;
      }
    },
  }),
};
