import { Msix, PciCapId } from "../../../../spec/pci.ts";
import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import type { ConfigAccess } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Place } from "../../report.ts";
import type { Rule } from "../../rule.ts";
import { overPci } from "../basic/_clauses.ts";
import { hex, purposeOf } from "../basic/_registers.ts";
import { PerDevice } from "../basic/_state.ts";
import { interruptsWanted } from "../liveness/interrupt_race.ts";
import { capabilitiesOf } from "./_capabilities.ts";
import { MsixTables } from "./_msix_table.ts";
import { CONFIG, ownerName, ownerOf, vectorsOf } from "./_vectors.ts";

/** A masked entry stays silent. */
export const MSIX_UNMASKED: Rule = {
  id: "msix-unmasked",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.8.2",
  title: "The MSI-X entry of a vector that is in use is unmasked, and so is the function",
  hint:
    "After power on all entries are masked: write 0 to the entry's vector control, and clear the function mask.",
  watch(scene) {
    const tables = new MsixTables();
    const opened = new PerDevice(() => ({ function: false, places: new Map<number, Place>() }));
    const look = (device: DeviceModel, when: string) => {
      if (!device.live || !device.msixEnabled || device.legacy) return;
      for (const [owner, vector] of vectorsOf(device)) {
        // A queue that asks for no interrupt may be polled.
        const queue = device.queues.get(owner);
        if (queue?.ring !== undefined && !interruptsWanted(scene, queue)) continue;
        const entryMasked = !tables.entry(device, vector).everOpen;
        // Who masks for a while has unmasked before.
        if (!entryMasked && opened.of(device).function) continue;
        scene.report({
          device,
          queue: owner === CONFIG ? undefined : device.queues.get(owner),
          found: entryMasked
            ? `${when}, and MSI-X entry ${vector} of ${ownerName(owner)} was never unmasked`
            : `${when}, and the MSI-X function mask was never cleared`,
          expected: entryMasked
            ? "0 written to the entry's vector control"
            : "bit 14 of Message Control cleared",
          evidence: [{ what: "vector", value: `${vector}` }],
          place: opened.of(device).places.get(owner),
        });
        return;
      }
    };
    return {
      access(a) {
        tables.access(a);
        // The report comes when the CPU waits; what is wrong is where the vector was given.
        const owner = a.write ? ownerOf(a) : undefined;
        if (owner !== undefined) opened.of(a.device).places.set(owner, scene.machine.place());
        if (purposeOf(a) === "status" && a.write && a.value === 0) {
          look(a.device, "the device was live and is reset");
        }
      },
      config(a) {
        const fn = scene.machine.functions.get(a.bdf);
        if (!a.write || a.device === undefined || fn === undefined) return;
        const control = writtenControl(fn.config, a);
        if (control !== undefined && (control & (Msix.ENABLE | Msix.FUNCTION_MASK)) === Msix.ENABLE) {
          opened.of(a.device).function = true;
        }
      },
      idle: () => scene.machine.devices.forEach((device) => look(device, "the CPU waits")),
    };
  },
};

/** Message Control as an access writes it, if it does. */
function writtenControl(config: Uint8Array, a: ConfigAccess): number | undefined {
  const cap = capabilitiesOf(config).find((c) => c.id === PciCapId.MSIX);
  if (cap === undefined) return undefined;
  const shift = cap.at + Msix.CONTROL - a.offset;
  return shift >= 0 && shift + 2 <= a.width ? Math.floor(a.value / 2 ** (8 * shift)) & 0xffff : undefined;
}

/** The status register belongs to the line. */
export const MSIX_ISR_READ: Rule = {
  id: "msix-isr-read",
  clauses: overPci("PCI Device Layout / ISR status capability", 1),
  level: "warning",
  section: "virtio 1.4, 4.1.4.5.2",
  title: "With MSI-X enabled the driver does not read the ISR status when a queue interrupts",
  hint: "The vector says what happened; the ISR register is for INTx, and for configuration changes.",
  watch(scene) {
    const tables = new MsixTables();
    let last = -1;
    return {
      interrupt: (vector) => void (last = vector),
      idle: () => void (last = -1),
      access(a) {
        tables.access(a);
        if (a.space !== "isr" || a.write || !a.device.live || !a.device.msixEnabled || last < 0) return;
        const dataOf = (vector: number) => (tables.entry(a.device, vector).data ?? -1) & 0xff;
        const queues = [...vectorsOf(a.device)].filter(([owner, v]) =>
          owner !== CONFIG && dataOf(v) === last
        );
        const config = a.device.configVector !== NO_VECTOR && dataOf(a.device.configVector) === last;
        if (queues.length === 0 || config) return;
        scene.report({
          device: a.device,
          queue: a.device.queues.get(queues[0][0]),
          found: `the ISR status was read (${hex(a.value)}) after the message of ${
            ownerName(queues[0][0])
          } (vector ${last})`,
          expected: "no read: the vector names the queue",
          evidence: [{ what: "isr", address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};
