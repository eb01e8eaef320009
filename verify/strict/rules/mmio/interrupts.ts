import { IsrBits } from "../../../../spec/virtio/status.ts";
import type { Rule } from "../../rule.ts";
import { MMIO_INTERRUPT, MMIO_LAYOUT, overMmio } from "../basic/_clauses.ts";
import { hex, purposeOf } from "../basic/_registers.ts";
import { PerDevice } from "../basic/_state.ts";

const DEFINED = IsrBits.QUEUE | IsrBits.CONFIG;

/** Two bits mean something. */
export const MMIO_ACK_DEFINED: Rule = {
  id: "mmio-ack-defined",
  clauses: overMmio(MMIO_LAYOUT, 18, 20),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2",
  title: "The driver writes only defined bits to InterruptACK",
  hint: "Mask InterruptStatus with 3 before it is looked at, and before it is written to InterruptACK.",
  watch: (scene) => ({
    access(a) {
      if (purposeOf(a) !== "interruptAck" || !a.write || a.device.legacy || (a.value & ~DEFINED) === 0) {
        return;
      }
      scene.report({
        device: a.device,
        found: `interrupt_ack was written with ${hex(a.value)}`,
        expected: `no bits but ${hex(DEFINED)}`,
        evidence: [{ what: "interrupt_ack", address: a.address, value: hex(a.value) }],
      });
    },
  }),
};

/** What was not seen was not handled. */
export const MMIO_ACK_SEEN: Rule = {
  id: "mmio-ack-seen",
  clauses: overMmio(MMIO_INTERRUPT, 1, 3),
  level: "violation",
  section: "virtio 1.4, 4.2.3.4.2",
  title: "The driver acknowledges only those events that it has read in InterruptStatus",
  hint:
    "Read InterruptStatus in the handler, handle its bits, and write those to InterruptACK: others may just have come.",
  watch(scene) {
    const seen = new PerDevice(() => ({ bits: 0 }));
    return {
      access(a) {
        const purpose = purposeOf(a);
        if (a.device.transport !== "mmio" || a.device.legacy) return;
        const s = seen.of(a.device);
        if (purpose === "interruptStatus" && !a.write) s.bits |= a.value & DEFINED;
        if (purpose !== "interruptAck" || !a.write) return;
        const unseen = a.value & DEFINED & ~s.bits;
        const { live } = a.device;
        s.bits &= ~a.value;
        if (unseen === 0 || !live) return;
        scene.report({
          device: a.device,
          found:
            `interrupt_ack was written with ${hex(a.value)}, and bit${unseen === DEFINED ? "s" : ""} ${
              hex(unseen)
            } ` +
            "was not read as set in interrupt_status since the last acknowledgement",
          expected: "the bits that interrupt_status showed",
          evidence: [{ what: "interrupt_ack", address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};
