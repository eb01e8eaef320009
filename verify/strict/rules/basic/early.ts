import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { ConsoleConfig } from "../../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../../spec/virtio/features.ts";
import { DeviceStatus as S, statusNames } from "../../../../spec/virtio/status.ts";
import type { Rule } from "../../rule.ts";
import { operation } from "./_clauses.ts";
import { OfferedSeen } from "./_features.ts";
import { configOffset, hex, purposeOf } from "./_registers.ts";

/** A notification is for a live device. */
export const NOTIFY_AFTER_DRIVER_OK: Rule = {
  id: "notify-after-driver-ok",
  clauses: operation("Device Initialization", 7),
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "The driver notifies the device only after DRIVER_OK",
  hint:
    "Buffers may be put into the queues before DRIVER_OK; the notification waits until the bit is written.",
  watch: (scene) => ({
    notified(device, queue, access) {
      if (device.legacy || (device.status & (S.DRIVER_OK | S.FAILED)) !== 0) return;
      scene.report({
        device,
        queue,
        found: `a notification (${hex(access.value)}) while the status is ${statusNames(device.status)}`,
        expected: "DRIVER_OK written before",
        evidence: [
          { what: "device status", value: hex(device.status) },
          { what: access.register ?? "notification", address: access.address, value: hex(access.value) },
        ],
      });
    },
  }),
};

/** The configuration is the device's until features are chosen. */
export const CONFIG_WRITE_AFTER_FEATURES: Rule = {
  id: "config-write-after-features",
  clauses: operation("Device Initialization", 3),
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "The driver does not write the device's configuration before FEATURES_OK",
  hint: "Which fields there are, and what they mean, follows from the features: write after FEATURES_OK.",
  watch(scene) {
    const seen = new OfferedSeen();
    return {
      access(a) {
        seen.access(a);
        const { device } = a;
        if (!a.write || purposeOf(a) !== "config" || device.legacy) return;
        if ((device.status & (S.FEATURES_OK | S.FAILED)) !== 0) return;
        const at = configOffset(a);
        // The emergency write is for a driver that cannot do more (virtio 1.4, 5.3.4).
        const emergency = device.virtioId === VirtioId.Console && at >= ConsoleConfig.EMERG_WR &&
          (!seen.knows(device, ConsoleF.EMERG_WRITE) || (seen.set(device) & ConsoleF.EMERG_WRITE) !== 0n);
        if (emergency) return;
        scene.report({
          device,
          found:
            `${hex(a.value)} was written at ${hex(at)} of the device's configuration while the status is ` +
            statusNames(device.status),
          expected: "FEATURES_OK before",
          evidence: [{ what: `configuration at ${hex(at)}`, address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};
