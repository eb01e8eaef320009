import { IsrBits } from "../../../../spec/virtio/status.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { overPci } from "./_clauses.ts";
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
    const state = new PerDevice(() => ({
      ...{ isr: 0, config: true, queues: true, place: scene.machine.place() },
      /** The driver has looked at the configuration after an interrupt for that alone: it cares. */
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
        const s = state.of(a.device);
        if (!a.write && (purpose === "config" || purpose === "status")) {
          s.config = true;
          s.cares ||= s.asked;
        }
        if (a.write || purpose !== "interruptStatus" || a.device.msixEnabled) return;
        const both = IsrBits.QUEUE | IsrBits.CONFIG;
        s.asked = (a.value & both) === IsrBits.CONFIG;
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
