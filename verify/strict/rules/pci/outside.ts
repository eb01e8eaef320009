import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { Rule } from "../../rule.ts";
import { overPci } from "../basic/_clauses.ts";
import { bytes, hex } from "../basic/_registers.ts";

/** How far behind a BAR an access that hits nothing counts as meant for it: bytes. */
const NEAR = 1 << 20;

/** From here to 4 GiB the platform has its own: interrupt controllers, timers, firmware. BARs may lie right below. */
const PLATFORM = { start: 0xfec0_0000, end: 2 ** 32 };

interface MemoryBar {
  readonly device: DeviceModel;
  readonly bar: number;
  readonly start: number;
  readonly end: number;
}

/** The virtio function's BAR that ends shortly below an address which no function's BAR holds. */
function nearestBar(machine: MachineModel, address: number): MemoryBar | undefined {
  let found: MemoryBar | undefined;
  for (const fn of machine.functions.values()) {
    const device = machine.devices.find((d) => d.place === fn.bdf);
    for (let bar = 0; bar < 6; bar++) {
      const length = fn.barSize(bar);
      const start = fn.barAddress(bar);
      if (length === 0 || start === 0 || fn.isPorts(bar)) continue;
      const end = start + length;
      if (address >= start && address < end) return undefined;
      if (device === undefined || address < end || address - end > NEAR) continue;
      if (found === undefined || end > found.end) found = { device, bar, start, end };
    }
  }
  return found;
}

/** What nobody described is nobody's. */
export const PCI_OUTSIDE_STRUCTURES: Rule = {
  id: "pci-outside-structures",
  clauses: overPci("Virtio Structure PCI Capabilities", 1, 4),
  level: "violation",
  section: "virtio 1.4, 4.1.4",
  title: "The driver accesses only those parts of a BAR that a usable capability describes",
  hint:
    "Take BAR, offset and length from the first capability of each type; skip reserved types and BARs above 5.",
  watch: (scene) => ({
    access(a) {
      if (a.space !== "other" || a.device.transport !== "pci") return;
      scene.report({
        device: a.device,
        found:
          `${a.write ? `a write (${hex(a.value)})` : "a read"} of ${bytes(a.width)} at ${hex(a.address)}, ` +
          `${hex(a.offset)} from the start of its BAR`,
        expected:
          "an address within common configuration, notifications, ISR status, device configuration, or MSI-X",
        evidence: [{ what: `BAR at ${hex(a.address - a.offset)}`, address: a.address, value: hex(a.value) }],
      });
    },
    foreign(a) {
      if (a.ports || a.address >= PLATFORM.start && a.address < PLATFORM.end) return;
      const below = nearestBar(scene.machine, a.address);
      if (below === undefined) return;
      const { device, bar, start, end } = below;
      scene.report({
        device,
        found:
          `${a.write ? `a write (${hex(a.value)})` : "a read"} of ${bytes(a.width)} at ${hex(a.address)}, ` +
          `${hex(a.address - end)} behind the end of BAR${bar} of ${device.place}`,
        expected: `an address below ${hex(end)}`,
        evidence: [{ what: `BAR${bar}`, address: start, value: `${end - start} bytes` }],
      });
    },
  }),
};
