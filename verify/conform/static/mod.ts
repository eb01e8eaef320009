/** What can be read of a device without making it work: all of it, of every device and variant. */
import type { Check } from "../check.ts";
import { chipsetChecks } from "./chipset.ts";
import { lineChecks } from "./lines.ts";
import { mmioChecks } from "./mmio.ts";
import { pciConfigChecks } from "./pci_config.ts";
import { portChecks } from "./ports.ts";
import { registerChecks } from "./registers.ts";

/** Checks of one machine stand together, machines in the order in which they come first. */
export function byMachine(checks: readonly Check[]): Check[] {
  const groups = new Map<string, Check[]>();
  for (const check of checks) {
    const group = groups.get(check.machine);
    if (group === undefined) groups.set(check.machine, [check]);
    else group.push(check);
  }
  return [...groups.values()].flat();
}

/** Every static check. */
export const staticChecks: readonly Check[] = byMachine([
  ...pciConfigChecks,
  ...registerChecks,
  ...mmioChecks,
  ...chipsetChecks,
  ...lineChecks,
  ...portChecks,
]);
