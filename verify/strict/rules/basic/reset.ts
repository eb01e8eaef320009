import { DeviceStatus as S, statusNames } from "../../../../spec/virtio/status.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule, Watcher } from "../../rule.ts";
import type { Scene } from "../../rule.ts";
import { COMMON, facility, operation, overPci } from "./_clauses.ts";
import { bytes, hex, nameOf, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";
import { memoryOf, type Stretch } from "./_memory.ts";

/** The first step is a reset. */
export const RESET_FIRST: Rule = {
  id: "reset-first",
  clauses: operation("Device Initialization", 1),
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "Initialisation begins with a reset of the device",
  hint:
    "Firmware, or a kernel before this one, may have left the device running: write 0 to the status first.",
  watch(scene) {
    return {
      access(a) {
        const first = purposeOf(a) === "status" && a.write && a.value !== 0 && a.device.resets === 0 &&
          (a.value & S.FAILED) === 0;
        if (!first || a.device.legacy || (a.device.status & ~S.FAILED) !== 0) return;
        scene.report({
          device: a.device,
          found: `${a.register} was written with ${hex(a.value)} (${statusNames(a.value)}), and never with 0`,
          expected: "0 written to the status, and read back, before ACKNOWLEDGE",
          evidence: [{ what: a.register!, address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};

/** Watches one transport for a driver that goes on before it has read status 0. */
function watchReset(scene: Scene, transport: "pci" | "mmio"): Watcher {
  return {
    access(a) {
      const { device } = a;
      if (!device.resetPending || !a.write || device.transport !== transport || device.legacy) return;
      const purpose = purposeOf(a);
      if (purpose === "status" && a.value === 0 || purpose === "interruptAck" || purpose === undefined) {
        return;
      }
      if (a.space === "msix") return;
      scene.report({
        device,
        found: `${nameOf(a)} was written with ${hex(a.value)} before the status was read as 0`,
        expected: "the status read until it is 0: then the reset is done",
        evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
      });
    },
  };
}

const HINT = "Read the status in a loop after writing 0 to it, before the first step of the initialisation.";

/** On PCI a MUST. */
export const PCI_RESET_AWAITED: Rule = {
  id: "pci-reset-awaited",
  clauses: [...overPci(COMMON, 5), ...facility("Device Reset", 1)],
  level: "violation",
  section: "virtio 1.4, 4.1.4.3.2, 2.4.2",
  title:
    "After writing 0 to device_status the driver reads it until it is 0 before it initialises the device again",
  hint: HINT,
  watch: (scene) => watchReset(scene, "pci"),
};

/** Elsewhere a SHOULD. */
export const RESET_AWAITED: Rule = {
  id: "reset-awaited",
  clauses: facility("Device Reset", 1),
  level: "warning",
  section: "virtio 1.4, 2.4.2",
  title: "A reset is done when the status reads 0, not before",
  hint: HINT,
  watch: (scene) => watchReset(scene, "mmio"),
};

/** The device may write until the reset is done. */
export const FREED_BEFORE_RESET_DONE: Rule = {
  id: "freed-before-reset-done",
  clauses: facility("Device Reset", 1),
  level: "warning",
  section: "virtio 1.4, 2.4.2",
  title: "Memory of a device's queues is given back after the reset is done: the status was read as 0",
  hint:
    "Wait for status 0 before rings and buffers are freed; until then the device may still write to them.",
  watch(scene) {
    const held = new PerDevice(() => ({ memory: [] as Stretch[] }));
    const pending = new Set<DeviceModel>();
    return {
      access(a) {
        if (purposeOf(a) !== "status" || !a.write || a.value !== 0) return;
        if ((a.device.status & S.DRIVER_OK) === 0) return held.clear(a.device);
        held.of(a.device).memory = [...a.device.queues.values()].flatMap(memoryOf);
        pending.add(a.device);
      },
      freed(buffer) {
        for (const device of pending) {
          if (!device.resetPending) {
            pending.delete(device);
            continue;
          }
          const hit = held.of(device).memory.find((s) =>
            s.address < buffer.phys + buffer.length && buffer.phys < s.address + s.length
          );
          if (hit === undefined) continue;
          scene.report({
            device,
            found:
              `${buffer.owner} (${bytes(buffer.length)} at ${
                hex(buffer.phys)
              }) was freed after 0 was written ` +
              "to the status, which has not been read as 0 yet",
            expected: "the status read as 0 first",
            evidence: [{ what: hit.what, address: hit.address, value: `${hit.length} bytes` }],
          });
        }
      },
    };
  },
};
