import { F } from "../../../../spec/virtio/features.ts";
import type { Rule } from "../../rule.ts";
import { bytesAt, hex } from "../memory/support.ts";

/** What a notification carries with NOTIFICATION_DATA. */
export const NOTIFICATION_DATA: Rule = {
  id: "notification-data",
  clauses: [
    "drivernormative:Basic Facilities of a Virtio Device / PAcked Virtqueues / The Virtqueue Descriptor Table#3",
  ],
  level: "violation",
  section: "virtio 1.4, 2.9, 2.8.13.1",
  title:
    "With VIRTIO_F_NOTIFICATION_DATA a notification says where the driver will publish next: available index, or position and wrap counter",
  hint:
    "The upper 16 bits are the available index (split), or the next descriptor with the wrap counter in bit 15 " +
    "(packed), after what was published.",
  watch: (scene) => ({
    notified(device, queue, access) {
      const ring = queue?.ring;
      if (ring === undefined || !queue!.enabled || !device.has(F.NOTIFICATION_DATA) || access.width !== 4) {
        return;
      }
      const { avail, availWrap } = ring.indices;
      const next = ring.kind === "split" ? avail : avail | availWrap << 15;
      const told = Math.floor(access.value / 2 ** 16);
      if (told === next) return;
      const show = (value: number) =>
        ring.kind === "split" ? `${value}` : `${value & 0x7fff} with wrap counter ${value >>> 15}`;
      scene.report({
        device,
        queue,
        found: `a notification of ${queue!.name} says ${show(told)}`,
        expected: show(next),
        evidence: [
          { what: "value written", address: access.address, value: hex(access.value) },
          ring.kind === "split"
            ? bytesAt(scene, "available ring: flags, idx", ring.addressOf("availFlags"), 4)
            : bytesAt(scene, "descriptor at the next position", ring.addressOf("descriptor", avail), 16),
        ],
      });
    },
  }),
};
