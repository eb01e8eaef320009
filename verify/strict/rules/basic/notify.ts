import { F } from "../../../../spec/virtio/features.ts";
import type { Rule } from "../../rule.ts";
import { hex } from "./_registers.ts";

/** Nobody hears a notification of a queue that is not there. */
export const NOTIFY_ENABLED_QUEUE: Rule = {
  id: "notify-enabled-queue",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.9",
  title: "The driver notifies only queues that it has enabled",
  hint: "Which number was written, and which queues did the driver set up?",
  watch: (scene) => ({
    notified(device, queue, access) {
      if (device.legacy || queue?.enabled || device.has(F.NOTIF_CONFIG_DATA)) return;
      const enabled = [...device.queues.values()].filter((q) => q.enabled).map((q) => q.index);
      // Where the address is wrong, where the device is not live, and of a queue that has addresses, other rules speak.
      if (queue === undefined && device.transport === "pci") return;
      if (enabled.length === 0 && (!device.live || queue === undefined || queue.desc !== 0)) return;
      const index = queue?.index ?? (device.has(F.NOTIFICATION_DATA) ? access.value & 0xffff : access.value);
      scene.report({
        device,
        queue,
        found: `a notification of queue ${index} (${hex(access.value)}), which is not enabled`,
        expected: enabled.length > 0
          ? `one of the queues ${enabled.join(", ")}`
          : "a queue that was set up since the last reset",
        evidence: [{
          what: access.register ?? "notification",
          address: access.address,
          value: hex(access.value),
        }],
      });
    },
  }),
};
