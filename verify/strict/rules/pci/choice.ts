import { CapCfgType, VirtioPciCap as Cap } from "../../../../spec/virtio/pci.ts";
import type { Access } from "../../events.ts";
import type { FunctionModel } from "../../model/machine.ts";
import type { Rule, Scene } from "../../rule.ts";
import { overPci } from "../basic/_clauses.ts";
import { hex, purposeOf } from "../basic/_registers.ts";
import { PerDevice } from "../basic/_state.ts";
import { queuesAt } from "./notify.ts";
import { capabilitiesOf, virtioCapabilities, type VirtioCapability } from "./_capabilities.ts";
import { PciCapId } from "../../../../spec/pci.ts";

/** Bytes that a structure has at least, by its type (virtio 1.4, 4.1.4.3 to 4.1.4.5). */
const LEAST: Readonly<Record<number, number>> = {
  [CapCfgType.Common]: 0x38,
  [CapCfgType.Notify]: 2,
  [CapCfgType.Isr]: 1,
};

/** Whether a driver can use a structure: in a BAR of memory, within it, and long enough. */
const usable = (fn: FunctionModel, cap: VirtioCapability): boolean =>
  cap.bar < 6 && !fn.isPorts(cap.bar) && cap.length >= LEAST[cap.type] &&
  cap.offset + cap.length <= fn.barSize(cap.bar);

/** Another capability of the same type may do. */
export const GIVEN_UP: Rule = {
  id: "pci-device-given-up",
  clauses: overPci("Virtio Structure PCI Capabilities", 1, 2, 4),
  level: "warning",
  section: "virtio 1.4, 4.1.4.1",
  title:
    "A driver that looks at a device's capabilities drives it if each structure is described by one that it can use",
  hint:
    "Skip a capability that cannot be used (reserved type or BAR, a BAR of ports, beyond its BAR), and go on to the next.",
  watch(scene) {
    const seen = new PerDevice(() => ({ read: new Set<number>(), driven: false }));
    return {
      config(a) {
        if (a.device === undefined || a.write) return;
        const fn = scene.machine.functions.get(a.bdf);
        const cap = fn &&
          virtioCapabilities(fn.config).find(({ at }) =>
            a.offset <= at + Cap.BAR && at + Cap.BAR < a.offset + a.width
          );
        // Who reads all of configuration space does not read single fields of capabilities.
        if (cap !== undefined && a.width === 1) seen.of(a.device).read.add(cap.at);
      },
      access(a) {
        if (a.write && (purposeOf(a) === "status" || a.space === "legacy")) seen.of(a.device).driven = true;
      },
      end() {
        for (const device of scene.machine.devices) {
          const fn = scene.machine.functions.get(device.place);
          const { read, driven } = seen.of(device);
          if (fn === undefined || driven || read.size === 0) continue;
          const caps = virtioCapabilities(fn.config);
          const has = (type: number) => caps.some((cap) => cap.type === type && usable(fn, cap));
          const msix = capabilitiesOf(fn.config).some((cap) => cap.id === PciCapId.MSIX);
          if (!has(CapCfgType.Common) || !has(CapCfgType.Notify) || !has(CapCfgType.Isr) && !msix) continue;
          // A capability that cannot be used must be among them: without one the driver has other reasons.
          const odd = caps.find((cap) => cap.type in LEAST && !usable(fn, cap));
          if (odd === undefined) continue;
          scene.report({
            device,
            found:
              `the capabilities of ${fn.bdf} were read, and its status was never written; the one at ${
                hex(odd.at)
              } ` +
              `(cfg_type ${odd.type}, bar ${odd.bar}) cannot be used, others of its type can`,
            expected: "the device driven through the capabilities that can be used",
            evidence: caps.map((cap) => ({
              what: `capability at ${hex(cap.at)}`,
              value: `cfg_type ${cap.type}, bar ${cap.bar}, offset ${hex(cap.offset)}, length ${
                hex(cap.length)
              }`,
            })),
            place: [],
          });
        }
      },
    };
  },
};

const TYPES: Readonly<Record<string, number>> = {
  common: CapCfgType.Common,
  notify: CapCfgType.Notify,
  isr: CapCfgType.Isr,
  config: CapCfgType.Device,
};

/** The device's order is its preference. */
export const FIRST_STRUCTURE: Rule = {
  id: "pci-first-structure",
  clauses: overPci("Virtio Structure PCI Capabilities", 2),
  level: "warning",
  section: "virtio 1.4, 4.1.4.1",
  title: "Of several capabilities of a type the driver uses the first that it can use",
  hint: "Keep the first usable capability of each type; a later one does not replace it.",
  watch(scene) {
    const told = new PerDevice(() => new Set<string>());
    return {
      access(a) {
        const fn = scene.machine.functions.get(a.device.place);
        if (fn === undefined || !(a.space in TYPES) || told.of(a.device).has(a.space)) return;
        const all = virtioCapabilities(fn.config).filter((cap) =>
          cap.type === TYPES[a.space] && cap.bar < 6 && !fn.isPorts(cap.bar) &&
          cap.offset + cap.length <= fn.barSize(cap.bar) && cap.length >= (LEAST[cap.type] ?? 0)
        );
        const here = (cap: VirtioCapability) => covers(fn, cap, a.address);
        const named = (cap: VirtioCapability) => here(cap) && namesQueue(fn, cap, a);
        // Structures may share addresses, with other multipliers: the queue says which is meant.
        const meant = a.space === "notify" && a.write ? all.findIndex(named) : -1;
        const used = meant >= 0 ? meant : all.findIndex(here);
        if (used <= 0) return;
        told.of(a.device).add(a.space);
        reportLater(scene, a, all[0], all[used]);
      },
    };
  },
};

/** Whether a notification is one by a structure's multiplier. */
function namesQueue(fn: FunctionModel, cap: VirtioCapability, a: Access): boolean {
  const offset = a.address - fn.barAddress(cap.bar) - cap.offset;
  return queuesAt(a.device, offset, cap.extra).includes(a.value & 0xffff);
}

function covers(fn: FunctionModel, cap: VirtioCapability, address: number): boolean {
  const start = fn.barAddress(cap.bar) + cap.offset;
  return address >= start && address < start + cap.length;
}

function reportLater(scene: Scene, a: Access, first: VirtioCapability, used: VirtioCapability): void {
  const text = (cap: VirtioCapability) =>
    `bar ${cap.bar}, offset ${hex(cap.offset)}, length ${hex(cap.length)}`;
  scene.report({
    device: a.device,
    found: `the ${a.space} structure of the capability at ${hex(used.at)} is used, and that at ${
      hex(first.at)
    } comes first`,
    expected: `the structure at ${text(first)}`,
    evidence: [
      { what: `capability at ${hex(first.at)}`, value: text(first) },
      { what: `capability at ${hex(used.at)}`, value: text(used) },
    ],
  });
}
