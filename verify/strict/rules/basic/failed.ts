import { DeviceStatus as S, statusNames } from "../../../../spec/virtio/status.ts";
import type { Access } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule, Scene } from "../../rule.ts";
import { facility, operation } from "./_clauses.ts";
import { describesQueue, hex, nameOf, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

/** A write by which a driver goes on with a device: a status bit, features, a queue, a notification. */
export function goesOn(a: Access): boolean {
  if (!a.write) return false;
  const purpose = purposeOf(a);
  if (purpose === "status") return (a.value & ~a.device.status & ~S.FAILED) !== 0;
  return purpose === "accepted" || purpose === "notify" || describesQueue(purpose) ||
    purpose === "queueEnable" && a.value !== 0;
}

function reportGoingOn(scene: Scene, a: Access, why: string, expected: string): void {
  scene.report({
    device: a.device,
    found: `${nameOf(a)} was written with ${hex(a.value)} ${why}`,
    expected,
    evidence: [
      { what: "device status", value: `${hex(a.device.status)} (${statusNames(a.device.status)})` },
      { what: nameOf(a), address: a.address, value: hex(a.value) },
    ],
  });
}

/** FAILED ends it, until a reset. */
export const AFTER_FAILED: Rule = {
  id: "after-failed",
  clauses: [...facility("Device Status Field", 3), ...operation("Device Initialization", 6)],
  level: "violation",
  section: "virtio 1.4, 2.1.1, 3.1.1",
  title: "After FAILED the driver leaves the device alone, or resets it before it begins again",
  hint: "Return after FAILED was written; to try again write 0 to the status first.",
  watch(scene) {
    const failed = new PerDevice(() => ({ yes: false }));
    return {
      access(a) {
        if (a.device.legacy) return;
        const state = failed.of(a.device);
        if (state.yes && goesOn(a)) {
          reportGoingOn(scene, a, "after FAILED", "0 written to the status (a reset) before anything else");
        }
        if (purposeOf(a) === "status" && a.write) {
          state.yes = (a.value & S.FAILED) !== 0 || state.yes && a.value !== 0;
        }
      },
    };
  },
};

/** The device has given up. */
export const AFTER_NEEDS_RESET: Rule = {
  id: "after-needs-reset",
  clauses: facility("Device Status Field", 4),
  level: "warning",
  section: "virtio 1.4, 2.1.1",
  title:
    "A driver that has read DEVICE_NEEDS_RESET does not wait for requests any more, it resets the device",
  hint:
    "Look at the status after a configuration change; if the bit is set give back all requests as failed and reset.",
  watch(scene) {
    const seen = new PerDevice(() => ({ yes: false }));
    const forget = (device: DeviceModel) => seen.clear(device);
    return {
      access(a) {
        if (a.device.legacy) return;
        const state = seen.of(a.device);
        if (purposeOf(a) === "status" && !a.write) state.yes = (a.value & S.DEVICE_NEEDS_RESET) !== 0;
        if (!state.yes || purposeOf(a) !== "notify" || !a.write) return;
        reportGoingOn(scene, a, "after DEVICE_NEEDS_RESET was read", "a reset of the device");
      },
      reset: forget,
    };
  },
};
