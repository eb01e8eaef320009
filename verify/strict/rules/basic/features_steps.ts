import { featureWord } from "../../../../spec/virtio/features.ts";
import { DeviceStatus as S, statusNames } from "../../../../spec/virtio/status.ts";
import type { Access } from "../../events.ts";
import type { Rule, Scene } from "../../rule.ts";
import { facility, MMIO_INIT, operation, overMmio } from "./_clauses.ts";
import { describesQueue, hex, nameOf, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

/** The order of an initialisation: on both transports the same. */
const ORDER = [...operation("Device Initialization", 1), ...overMmio(MMIO_INIT, 6)];

function reportStep(scene: Scene, a: Access, when: string, expected: string): void {
  scene.report({
    device: a.device,
    found: `${nameOf(a)} was written with ${hex(a.value)} ${when}`,
    expected,
    evidence: [
      { what: "device status", value: `${hex(a.device.status)} (${statusNames(a.device.status)})` },
      { what: nameOf(a), address: a.address, value: hex(a.value) },
    ],
  });
}
/** A write that sets a queue up. */
const setsUp = (a: Access): boolean => {
  const purpose = purposeOf(a);
  return a.write && (describesQueue(purpose) || purpose === "queueEnable" && a.value !== 0);
};
const failed = (a: Access): boolean => (a.device.status & S.FAILED) !== 0;

/** Features are chosen by a driver that has said that it can drive the device. */
export const FEATURES_AFTER_DRIVER: Rule = {
  id: "features-after-driver",
  clauses: ORDER,
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "Features are written after ACKNOWLEDGE and DRIVER were set",
  hint: "The order is: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK.",
  watch(scene) {
    return {
      access(a) {
        if (!a.write || purposeOf(a) !== "accepted" || a.device.legacy) return;
        if ((a.device.status & S.DRIVER) !== 0 || failed(a) || a.device.resetPending) return;
        reportStep(
          scene,
          a,
          `while the status is ${statusNames(a.device.status)}`,
          "DRIVER set in the status first",
        );
      },
    };
  },
};

/** After FEATURES_OK the choice stands. */
export const FEATURES_FROZEN: Rule = {
  id: "features-frozen",
  clauses: operation("Device Initialization", 4),
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "After FEATURES_OK the driver does not change its features",
  hint: "To choose anew reset the device; all words are written before FEATURES_OK is set.",
  watch(scene) {
    return {
      access(a) {
        const { device } = a;
        if (!a.write || purposeOf(a) !== "accepted" || device.legacy) return;
        const word = device.driverFeatureSelect;
        if ((device.status & S.FEATURES_OK) === 0 || failed(a) || word > 3) return;
        const was = featureWord(device.accepted, word);
        if (a.value === was) return;
        reportStep(
          scene,
          a,
          `after FEATURES_OK; word ${word} was ${hex(was)}`,
          "no change, or a reset first",
        );
      },
    };
  },
};

/** The device may say no. */
export const FEATURES_CONFIRMED: Rule = {
  id: "features-ok-read-back",
  clauses: ORDER,
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "The driver reads FEATURES_OK back before it sets queues up",
  hint:
    "Read the status after FEATURES_OK was written: if the bit is gone the device does not take these features.",
  watch(scene) {
    const told = new PerDevice(() => ({ yes: false }));
    return {
      access(a) {
        const { device } = a;
        if (!a.write || device.legacy || device.featuresConfirmed || failed(a) || device.resetPending) return;
        if ((device.status & S.FEATURES_OK) === 0 || told.of(device).yes) return;
        const live = purposeOf(a) === "status" && (a.value & S.DRIVER_OK) !== 0;
        if (!setsUp(a) && !live) return;
        told.of(device).yes = true;
        reportStep(scene, a, "and the status was not read after FEATURES_OK", "FEATURES_OK read back as set");
      },
      reset: (device) => told.clear(device),
    };
  },
};

/** The device said no. */
export const FEATURES_REFUSED: Rule = {
  id: "features-refused",
  clauses: facility("Feature Bits", 7),
  level: "violation",
  section: "virtio 1.4, 2.2.1, 3.1.1",
  title: "A driver whose features the device refuses sets FAILED, or begins again with others after a reset",
  hint: "The device took FEATURES_OK away: check the dependencies of the features that were written.",
  watch(scene) {
    const state = new PerDevice(() => ({ written: false, refused: false, told: false }));
    return {
      access(a) {
        if (a.device.legacy) return;
        const s = state.of(a.device);
        const purpose = purposeOf(a);
        if (purpose === "status") {
          if (a.write && (a.value & S.FEATURES_OK) !== 0 && (a.value & S.DRIVER_OK) === 0) s.written = true;
          else if (!a.write && s.written) s.refused = (a.value & S.FEATURES_OK) === 0;
        }
        const live = purpose === "status" && a.write && (a.value & S.DRIVER_OK) !== 0;
        if (!s.refused || s.told || failed(a) || !setsUp(a) && !live) return;
        s.told = true;
        reportStep(
          scene,
          a,
          "after FEATURES_OK was read back as clear",
          "FAILED, or 0, written to the status",
        );
      },
      reset: (device) => state.clear(device),
    };
  },
};

/** Queues depend on features. */
export const QUEUE_AFTER_FEATURES: Rule = {
  id: "queue-after-features",
  clauses: ORDER,
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "Queues are set up after the features are negotiated",
  hint: "Move the set-up of the queues behind FEATURES_OK: which ring they have is known only then.",
  watch(scene) {
    const told = new PerDevice(() => ({ yes: false }));
    return {
      access(a) {
        const { device } = a;
        if (!setsUp(a) || device.legacy || failed(a) || device.resetPending) return;
        // A device that took FEATURES_OK away has been asked.
        if ((device.status & S.FEATURES_OK) !== 0 || device.negotiated !== 0n || told.of(device).yes) return;
        told.of(device).yes = true;
        reportStep(
          scene,
          a,
          `for queue ${device.queueSelect} before FEATURES_OK`,
          "FEATURES_OK set and read back first",
        );
      },
      reset: (device) => told.clear(device),
    };
  },
};

/** A queue is there when the device goes live. */
export const QUEUE_BEFORE_DRIVER_OK: Rule = {
  id: "queue-before-driver-ok",
  clauses: ORDER,
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "Queues are enabled before DRIVER_OK; afterwards only those that were stopped",
  hint: "Enable all queues that will be used, then set DRIVER_OK.",
  watch(scene) {
    const enabled = new PerDevice(() => new Set<number>());
    return {
      access(a) {
        const { device } = a;
        if (!a.write || purposeOf(a) !== "queueEnable" || a.value === 0 || device.legacy) return;
        const known = enabled.of(device).has(device.queueSelect);
        enabled.of(device).add(device.queueSelect);
        if (known || (device.status & S.DRIVER_OK) === 0 || failed(a)) return;
        reportStep(
          scene,
          a,
          `for queue ${device.queueSelect} after DRIVER_OK`,
          "the queue enabled before DRIVER_OK",
        );
      },
      reset: (device) => enabled.clear(device),
    };
  },
};
