import { CapCfgType, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";
import { PciCapId } from "../../../spec/pci.ts";
import type { PciFunctionState } from "./pci_function.ts";

/** Where an access through the window leads: guest-physical address, or port, and bytes from the structure's start. */
export interface WindowTarget {
  readonly space: PciFunctionState["structures"][number]["space"];
  readonly offset: number;
  readonly address: number;
}

/**
 * The register that an access to configuration space reaches through the window of the PCI configuration access
 * capability (virtio 1.4, 4.1.4.9); undefined if it is no such access, or a wrong one.
 */
export function throughWindow(fn: PciFunctionState, offset: number, width: number): WindowTarget | undefined {
  const { config } = fn;
  const window = fn.capabilities.find((at) =>
    config[at] === PciCapId.VENDOR && config[at + Cap.CFG_TYPE] === CapCfgType.Pci
  );
  if (window === undefined || offset !== window + Cap.EXTRA) return undefined;
  const bar = config[window + Cap.BAR], at = fn.u32(window + Cap.OFFSET);
  if (fn.u32(window + Cap.LENGTH) !== width || at % width !== 0) return undefined;
  const structure = fn.structures.find((s) => s.bar === bar && at >= s.offset && at < s.offset + s.length);
  if (structure === undefined) return undefined;
  return { space: structure.space, offset: at - structure.offset, address: fn.barAddress(bar) + at };
}
