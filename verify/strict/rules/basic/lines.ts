import { PciCfg, PciCommand } from "../../../../spec/pci.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { Place } from "../../report.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { commandOf } from "../pci/_capabilities.ts";
import { MMIO_INTERRUPT, MMIO_LAYOUT, overMmio } from "./_clauses.ts";
import { IoApics } from "./_io_apic.ts";
import { purposeOf } from "./_registers.ts";

/** Interrupts of one line, without an acknowledgement of a device on it, after which the driver surely never will. */
const PATIENCE = 10;

/** Whether a function may raise its line. */
function usesLine(machine: MachineModel, device: DeviceModel): boolean {
  if (device.transport !== "pci" || device.msixEnabled || device.legacy || (device.status & 4) === 0) {
    return false;
  }
  const config = machine.functions.get(device.place)?.config;
  return config !== undefined && (commandOf(config) & PciCommand.INTX_DISABLE) === 0;
}

/**
 * Lines that PCI has on QEMU's machines: q35's PIRQs from 16 on, and those that PIIX3's may lead to. On a real QEMU no
 * line says whose it is; the others are the board's own.
 */
export const isPciLine = (line: number): boolean => line >= 16 || [5, 9, 10, 11].includes(line);

/** The virtio devices that may have raised a line: its own, or those functions whose INTx may be on it. */
function suspects(
  machine: MachineModel,
  line: number,
  own: DeviceModel | undefined,
  shared: boolean,
): DeviceModel[] {
  if (own !== undefined) return [own];
  if (!shared || !isPciLine(line)) return [];
  const functions = machine.devices.filter((d) => usesLine(machine, d));
  // INTERRUPT_LINE is what software says to software; who does not use it leaves it alone.
  const named = functions.filter((d) =>
    machine.functions.get(d.place)?.config[PciCfg.INTERRUPT_LINE] === line
  );
  return named.length > 0 ? named : functions;
}

/** A line that is shared cannot count edges. */
export const PCI_LINE_LEVEL: Rule = {
  id: "pci-line-level",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 2.2.6",
  title: "The line of a PCI function is set up as level triggered",
  hint:
    "INTx is level triggered and active low; as an edge only the first interrupt arrives while the line stays asserted.",
  watch(scene) {
    const apics = new IoApics();
    return {
      foreign: (a) => apics.foreign(a, () => scene.machine.place()),
      line(own, line, level, source) {
        const setting = apics.line(line);
        if (!level || setting === undefined || setting.masked || setting.level) return;
        const [device] = source === undefined ? suspects(scene.machine, line, own, true) : [];
        if (device === undefined) return;
        scene.report({
          device,
          found: `line ${line} was asserted, which is set up as edge triggered, active ` +
            (setting.activeLow ? "low" : "high"),
          expected: "level triggered, active low",
          evidence: [{ what: `IOAPIC entry of line ${line}`, value: `vector ${setting.vector}, edge` }],
          place: setting.place,
        });
      },
    };
  },
};

/** The sense of INTx. */
export const PCI_LINE_LOW: Rule = {
  id: "pci-line-low",
  clauses: [],
  level: "note",
  section: "PCI 3.0, 2.2.6",
  title: "The line of a PCI function is active low on the bus",
  hint:
    "QEMU's IOAPIC does not look at the polarity, and its ACPI tables say high; where the bus is wired as PCI has it, " +
    "active high means no interrupt, or one without end.",
  watch(scene) {
    const apics = new IoApics();
    return {
      foreign: (a) => apics.foreign(a, () => scene.machine.place()),
      line(own, line, level, source) {
        const setting = apics.line(line);
        if (!level || setting === undefined || setting.masked || !setting.level || setting.activeLow) return;
        const [device] = source === undefined ? suspects(scene.machine, line, own, true) : [];
        if (device === undefined) return;
        scene.report({
          device,
          found: `line ${line} was asserted, which is set up as level triggered, active high`,
          expected: "active low",
          evidence: [{
            what: `IOAPIC entry of line ${line}`,
            value: `vector ${setting.vector}, level, high`,
          }],
          place: setting.place,
        });
      },
    };
  },
};

/** A line that is up, and who on it was asked since. */
interface Raised {
  own: DeviceModel | undefined;
  shared: boolean;
  taken: number;
  acknowledged: Set<DeviceModel>;
}

/** Watches for a line of one transport that stays up because no handler tells the device. */
function watchAcknowledged(scene: Scene, transport: "pci" | "mmio"): Watcher {
  const apics = new IoApics();
  const raised = new Map<number, Raised>();
  const { machine } = scene;
  return {
    foreign: (a) => apics.foreign(a, () => machine.place()),
    line(own, line, level, source) {
      if (!level) raised.delete(line);
      else raised.set(line, { own, shared: source === undefined, taken: 0, acknowledged: new Set() });
    },
    access(a) {
      const purpose = purposeOf(a);
      // A device that is broken lets its line up with nothing to acknowledge: whoever has looked has done what can be.
      const looked = purpose === "interruptStatus" && !a.write && (a.space === "isr" || a.value === 0);
      const acknowledges = looked || purpose === "interruptAck" && a.write;
      const resets = purpose === "status" && a.write && a.value === 0;
      if (acknowledges || resets) { for (const r of raised.values()) r.acknowledged.add(a.device); }
    },
    interrupt(vector) {
      for (const line of apics.linesOf(vector)) {
        const r = raised.get(line);
        if (r === undefined) continue;
        if (++r.taken < PATIENCE) continue;
        const all = suspects(machine, line, r.own, r.shared).filter((d) => d.transport === transport);
        // Which of several it is can be said only if none of them was asked.
        const silent = all.filter((d) => !r.acknowledged.has(d));
        if (silent.length > 0 && silent.length === all.length) {
          report(scene, silent[0], line, r.taken, apics.line(line)!.place);
        }
        r.taken = 0;
        r.acknowledged.clear();
      }
    },
  };
}

function report(scene: Scene, device: DeviceModel, line: number, taken: number, place: Place): void {
  const pci = device.transport === "pci";
  scene.report({
    device,
    found: `line ${line} stays asserted: ${taken} interrupts were taken, and ${
      pci ? "the ISR status was not read" : "InterruptACK was not written"
    }`,
    expected: pci
      ? "a read of the ISR status in the handler: it lowers the line"
      : "InterruptStatus read, and its bits written to InterruptACK, in the handler",
    evidence: [{ what: `line ${line}`, value: "asserted" }],
    // Where the handler was installed.
    place,
  });
}

/** The handler of INTx. */
export const PCI_LINE_ACKNOWLEDGED: Rule = {
  id: "pci-interrupt-acknowledged",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 4.1.4.5, 4.1.5.3",
  title: "The handler of a function's line reads the ISR status, which lowers the line",
  hint: "Read the one byte of the ISR structure once in the handler; what it was says what to look at.",
  watch: (scene) => watchAcknowledged(scene, "pci"),
};

/** The handler on virtio-mmio. */
export const MMIO_LINE_ACKNOWLEDGED: Rule = {
  id: "mmio-interrupt-acknowledged",
  clauses: [...overMmio(MMIO_LAYOUT, 19), ...overMmio(MMIO_INTERRUPT, 1, 3)],
  level: "violation",
  section: "virtio 1.4, 4.2.2.2, 4.2.3.4",
  title:
    "The handler of a virtio-mmio device reads InterruptStatus and writes what it has handled to InterruptACK",
  hint:
    "Without the write to InterruptACK the line stays asserted, and the CPU does nothing but take interrupts.",
  watch: (scene) => watchAcknowledged(scene, "mmio"),
};
