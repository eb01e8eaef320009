import { CapCfgType, VirtioPciCap as Cap } from "../../../../spec/virtio/pci.ts";
import type { ConfigAccess } from "../../events.ts";
import type { Rule } from "../../rule.ts";
import { overPci } from "../basic/_clauses.ts";
import { bytes, hex } from "../basic/_registers.ts";
import { virtioCapabilities, type VirtioCapability } from "./_capabilities.ts";

const touches = (a: ConfigAccess, start: number, end: number): boolean =>
  a.offset < end && start < a.offset + a.width;
const bytesOf = (cap: VirtioCapability): number => Math.max(cap.bytes, 16);
/** Fields of the access window that are the driver's to write: bar; offset, length, data. */
const inWindow = (a: ConfigAccess, cap: VirtioCapability): boolean => {
  const end = a.offset + a.width;
  return a.offset >= cap.at + Cap.BAR && end <= cap.at + Cap.BAR + 1 ||
    a.offset >= cap.at + Cap.OFFSET && end <= cap.at + Cap.EXTRA + 4;
};

/** What the device says of itself. */
export const CAPABILITY_WRITTEN: Rule = {
  id: "pci-capability-written",
  clauses: overPci("Virtio Structure PCI Capabilities", 8),
  level: "violation",
  section: "virtio 1.4, 4.1.4.1",
  title:
    "The driver does not write virtio capabilities, but for bar, offset, length and data of the access window",
  hint: "Capabilities tell where structures are; they are read only.",
  watch: (scene) => ({
    config(a) {
      const fn = scene.machine.functions.get(a.bdf);
      if (!a.write || a.device === undefined || fn === undefined) return;
      const cap = virtioCapabilities(fn.config).find((c) => touches(a, c.at, c.at + bytesOf(c)));
      if (cap === undefined || cap.type === CapCfgType.Pci && inWindow(a, cap)) return;
      scene.report({
        device: a.device,
        found: `${hex(a.value)} (${bytes(a.width)}) was written at ${hex(a.offset)} of ` +
          `configuration space, in the virtio capability at ${hex(cap.at)} (cfg_type ${cap.type})`,
        expected: "no write there",
        evidence: [{
          what: `capability at ${hex(cap.at)}`,
          value: hexBytes(fn.config, cap.at, bytesOf(cap)),
        }],
      });
    },
  }),
};

const hexBytes = (config: Uint8Array, at: number, length: number): string =>
  Array.from(config.subarray(at, at + length), (b) => b.toString(16).padStart(2, "0")).join("");

/** What is wrong with an access through the window, or undefined. */
function windowFault(
  a: ConfigAccess,
  window: VirtioCapability,
  all: readonly VirtioCapability[],
): string | undefined {
  const { bar, offset, length } = window;
  if (length !== 1 && length !== 2 && length !== 4) return "a length of 1, 2 or 4";
  if (offset % length !== 0) return `an offset that is a multiple of the length ${length}`;
  if (a.offset !== window.at + Cap.EXTRA || a.width !== length) {
    return `an access of ${bytes(length)} at the start of the data`;
  }
  const inside = all.some((c) =>
    c.type !== CapCfgType.Pci && c.bar === bar && offset >= c.offset && offset + length <= c.offset + c.length
  );
  return inside ? undefined : "a place that another virtio capability describes";
}

/** Registers through configuration space. */
export const CONFIG_WINDOW: Rule = {
  id: "pci-config-window",
  clauses: overPci("PCI Device Layout / PCI configuration access capability", 1, 2, 3),
  level: "violation",
  section: "virtio 1.4, 4.1.4.9.2",
  title:
    "An access through the window in configuration space is aligned, of the given length, and within a structure",
  hint:
    "Write bar, offset and length (1, 2 or 4, offset a multiple of it), then access as many bytes of the data.",
  watch(scene) {
    const used = new Set<string>();
    return {
      config(a) {
        const fn = scene.machine.functions.get(a.bdf);
        if (a.device === undefined || fn === undefined) return;
        const all = virtioCapabilities(fn.config);
        const window = all.find((cap) => cap.type === CapCfgType.Pci);
        if (window === undefined || !touches(a, window.at + Cap.BAR, window.at + Cap.EXTRA + 4)) return;
        const data = window.at + Cap.EXTRA;
        if (!touches(a, data, data + 4)) {
          if (a.write) used.add(a.bdf);
          return;
        }
        // Who never set the window up reads all of configuration space, for somebody to look at.
        if (!used.has(a.bdf) && !a.write) return;
        const expected = windowFault(a, window, all);
        if (expected === undefined) return;
        scene.report({
          device: a.device,
          found: `${a.write ? "a write" : "a read"} of ${bytes(a.width)} at ${hex(a.offset)} ` +
            `(data at ${hex(data)}) with bar ${window.bar}, offset ${
              hex(window.offset)
            }, length ${window.length}`,
          expected,
          evidence: [{ what: `capability at ${hex(window.at)}`, value: hexBytes(fn.config, window.at, 20) }],
        });
      },
    };
  },
};
