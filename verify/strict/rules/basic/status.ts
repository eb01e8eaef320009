import { F } from "../../../../spec/virtio/features.ts";
import { DeviceStatus as S, statusNames } from "../../../../spec/virtio/status.ts";
import type { Rule } from "../../rule.ts";
import { facility, operation } from "./_clauses.ts";
import { hex, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

const KNOWN = S.ACKNOWLEDGE | S.DRIVER | S.DRIVER_OK | S.FEATURES_OK | S.SUSPEND | S.DEVICE_NEEDS_RESET |
  S.FAILED;
/** The bits of an initialisation in their order, and those that must have been written before, in a write of their own. */
const ORDER: readonly (readonly [bit: number, before: number])[] = [
  // ACKNOWLEDGE and DRIVER may come in one write: nothing is to be done between them.
  [S.FEATURES_OK, S.ACKNOWLEDGE | S.DRIVER],
  [S.DRIVER_OK, S.ACKNOWLEDGE | S.DRIVER | S.FEATURES_OK],
];

/** The steps of an initialisation are told to the device one after the other. */
export const STATUS_ORDER: Rule = {
  id: "status-order",
  clauses: [...facility("Device Status Field", 1), ...operation("Device Initialization", 1)],
  level: "violation",
  section: "virtio 1.4, 2.1.1, 3.1.1",
  title: "Status bits are set in the order of the initialisation, each when its step is done",
  hint:
    "After a reset write ACKNOWLEDGE, then DRIVER, then (features written) FEATURES_OK, then (queues enabled) " +
    "DRIVER_OK, each time with the bits that are set already.",
  watch(scene) {
    const written = new PerDevice(() => ({ bits: 0 }));
    return {
      access(a) {
        if (purposeOf(a) !== "status" || !a.write || a.device.legacy) return;
        if (a.value === 0) return written.clear(a.device);
        const past = written.of(a.device);
        const fresh = a.value & ~past.bits;
        for (const [bit, before] of ORDER) {
          const missing = before & ~past.bits;
          if ((fresh & bit) === 0 || missing === 0) continue;
          scene.report({
            device: a.device,
            found: `${a.register} was written with ${hex(a.value)} (${statusNames(a.value)}) after ` +
              `${statusNames(past.bits)}`,
            expected: `${statusNames(missing)} in a write before ${statusNames(bit)}`,
            evidence: [{ what: a.register!, address: a.address, value: hex(a.value) }],
          });
          break;
        }
        if ((fresh & S.DRIVER) !== 0 && ((past.bits | a.value) & S.ACKNOWLEDGE) === 0) {
          scene.report({
            device: a.device,
            found: `${a.register} was written with ${hex(a.value)} (${statusNames(a.value)}) after ` +
              `${statusNames(past.bits)}`,
            expected: "ACKNOWLEDGE before DRIVER",
            evidence: [{ what: a.register!, address: a.address, value: hex(a.value) }],
          });
        }
        past.bits |= a.value;
      },
    };
  },
};

/** A bit stays until the next reset. */
export const STATUS_BIT_CLEARED: Rule = {
  id: "status-bit-cleared",
  clauses: facility("Device Status Field", 2),
  level: "violation",
  section: "virtio 1.4, 2.1.1",
  title: "A status bit that the driver has set stays set until the device is reset",
  hint:
    "Read the status and write it back with the new bit added; a plain write of the new bit takes the others away.",
  watch(scene) {
    return {
      access(a) {
        if (purposeOf(a) !== "status" || !a.write || a.value === 0 || a.device.legacy) return;
        // What the device took away (a refused FEATURES_OK) the driver has read, so the model's status lacks it, too.
        const cleared = a.device.status & ~a.value & KNOWN & ~S.DEVICE_NEEDS_RESET & ~S.SUSPEND;
        if (cleared === 0 || a.device.resetPending) return;
        scene.report({
          device: a.device,
          found: `${a.register} was written with ${hex(a.value)} (${statusNames(a.value)}), which takes ` +
            `${statusNames(cleared)} away`,
          expected: `${hex(a.device.status | a.value)} (${statusNames(a.device.status | a.value)})`,
          evidence: [
            { what: `${a.register} before`, address: a.address, value: hex(a.device.status) },
            { what: `${a.register} written`, address: a.address, value: hex(a.value) },
          ],
        });
      },
    };
  },
};

/** Bits that are nobody's, or the device's. */
export const STATUS_FOREIGN_BIT: Rule = {
  id: "status-foreign-bit",
  clauses: operation("Device Suspend", 1),
  level: "warning",
  section: "virtio 1.4, 2.1, 3.4",
  title: "The driver sets only status bits that are its own: not DEVICE_NEEDS_RESET, not undefined ones, " +
    "SUSPEND only if the feature was negotiated and the device is live",
  hint: "Look at the value that is written to the status register: the bits are 1, 2, 4, 8, (16) and 128.",
  watch(scene) {
    return {
      access(a) {
        if (purposeOf(a) !== "status" || !a.write || a.value === 0 || a.device.legacy) return;
        // Bits that the device shows may be written back.
        const fresh = a.value & ~a.device.status;
        const undefinedBits = fresh & ~KNOWN;
        const suspend = (fresh & S.SUSPEND) !== 0 &&
          (!a.device.has(F.SUSPEND) || (a.device.status & S.DRIVER_OK) === 0);
        const needsReset = (fresh & S.DEVICE_NEEDS_RESET) !== 0;
        if (undefinedBits === 0 && !suspend && !needsReset) return;
        const why = undefinedBits !== 0
          ? `the undefined bits ${hex(undefinedBits)}`
          : suspend
          ? "SUSPEND, which was not negotiated or comes before DRIVER_OK"
          : "DEVICE_NEEDS_RESET, which is the device's to set";
        scene.report({
          device: a.device,
          found: `${a.register} was written with ${hex(a.value)}: ${why}`,
          expected: `no bits but those of ${hex(KNOWN & ~S.DEVICE_NEEDS_RESET & ~S.SUSPEND)}`,
          evidence: [{ what: a.register!, address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};
