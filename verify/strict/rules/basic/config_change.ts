import { IsrBits } from "../../../../spec/virtio/status.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { MMIO_INTERRUPT, overMmio, overPci } from "./_clauses.ts";
import { hex, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

/** One interrupt, two reasons. */
export const BOTH_REASONS: Rule = {
  id: "interrupt-both-reasons",
  clauses: overPci(
    "PCI-specific Initialization And Device Operation / Notification of Device Configuration Changes",
    1,
  ),
  level: "violation",
  section: "virtio 1.4, 4.1.5.4.1",
  title: "An interrupt for used buffers and a changed configuration at once is handled as both",
  hint: "Test both bits of the ISR status, each with an if of its own; reading it has cleared them.",
  watch(scene) {
    // What a driver reads is not in a recorded run.
    if (scene.machine.platform === "trace") return {};
    const state = new PerDevice(() => ({
      ...{ isr: 0, config: true, queues: true, place: scene.machine.place() },
      /** The driver has looked at the configuration after an interrupt for that (QEMU sets both bits): it cares. */
      ...{ asked: false, cares: false },
    }));
    const settle = (device: DeviceModel) => {
      const s = state.of(device);
      if (!device.live || device.legacy || s.config && s.queues) {
        s.asked = false;
        return;
      }
      const config = !s.config && s.cares;
      if (config || !s.queues) {
        scene.report({
          device,
          found: `the interrupt status was ${hex(s.isr)}, and before the CPU waited again ` +
            (config ? "neither status nor configuration was read" : "no used ring was looked at"),
          expected: "both looked at: used buffers and the configuration",
          evidence: [{ what: "interrupt status", value: hex(s.isr) }],
          place: s.place,
        });
      }
      s.config = s.queues = true;
      s.asked = false;
    };
    return {
      access(a) {
        const purpose = purposeOf(a);
        // A reset is the end of it, too.
        if (purpose === "status" && a.write && a.value === 0) settle(a.device);
        const s = state.of(a.device);
        if (!a.write && (purpose === "config" || purpose === "status")) {
          s.config = true;
          s.cares ||= s.asked;
        }
        if (a.write || purpose !== "interruptStatus" || a.device.msixEnabled) return;
        const both = IsrBits.QUEUE | IsrBits.CONFIG;
        s.asked = (a.value & IsrBits.CONFIG) !== 0;
        if ((a.value & both) === both && a.device.live) {
          Object.assign(s, { isr: a.value, config: false, queues: false, place: scene.machine.place() });
        }
      },
      read(r) {
        const { part } = r;
        // The packed ring's used marks are in its descriptors.
        if (part !== undefined && part.area !== "driver") state.of(part.queue.device).queues = true;
      },
      idle: () => scene.machine.devices.forEach(settle),
    };
  },
};

/** The status says that there is something; the rings say what. */
export const QUEUES_LOOKED_AT: Rule = {
  id: "interrupt-queues-looked-at",
  clauses: overMmio(MMIO_INTERRUPT, 2),
  level: "warning",
  section: "virtio 1.4, 4.2.3.4.2, 4.1.5.3",
  title: "After an interrupt for used buffers the driver looks at its queues before it waits again",
  hint:
    "Reading the ISR status, or acknowledging, takes the event away: keep what was read, and read it once.",
  watch(scene) {
    // What a driver reads is not in a recorded run.
    if (scene.machine.platform === "trace") return {};
    const state = new PerDevice(() => ({ isr: 0, open: false, place: scene.machine.place() }));
    return {
      access(a) {
        if (a.write || purposeOf(a) !== "interruptStatus" || a.device.msixEnabled || a.device.legacy) return;
        // With both bits: `interrupt-both-reasons`.
        if ((a.value & (IsrBits.QUEUE | IsrBits.CONFIG)) !== IsrBits.QUEUE || !a.device.live) return;
        Object.assign(state.of(a.device), { isr: a.value, open: true, place: scene.machine.place() });
      },
      read({ part }) {
        if (part !== undefined && part.area !== "driver") state.of(part.queue.device).open = false;
      },
      idle() {
        for (const device of scene.machine.devices) {
          const s = state.of(device);
          if (!s.open) continue;
          s.open = false;
          if (!device.live) continue;
          scene.report({
            device,
            found: `the interrupt status was ${
              hex(s.isr)
            }, and no used ring was looked at before the CPU waited again`,
            expected: "the used rings of the device's queues looked at",
            evidence: [{ what: "interrupt status", value: hex(s.isr) }],
            place: s.place,
          });
        }
      },
      reset: (device) => state.clear(device),
    };
  },
};
