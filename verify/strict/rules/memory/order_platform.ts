import { F } from "../../../../spec/virtio/features.ts";
import { watchDeviceEvent, watchUsedDescriptors } from "../packed/barriers.ts";
import { watchSuppression, watchUsedEntries } from "../split/barriers.ts";
import type { Rule } from "../../rule.ts";
import { watchPublished } from "./order.ts";
import { onlyIf, together } from "./support.ts";

const WANTED = "a barrier that orders accesses for devices (dma)";

/** With ORDER_PLATFORM barriers between CPUs are not enough. */
export const ORDER_PLATFORM_BARRIERS: Rule = {
  id: "order-platform-barriers",
  clauses: ["drivernormative:Reserved Feature Bits#8"],
  level: "violation",
  section: "virtio 1.4, 6.1",
  title: "With VIRTIO_F_ORDER_PLATFORM the barriers are those that devices heed, not those between CPUs",
  hint:
    "Look at which feature chooses the barrier, and which way round: smp barriers without ORDER_PLATFORM, dma " +
    "barriers with it.",
  watch(scene) {
    const rings = together(
      watchPublished(scene, "split", "smp", WANTED),
      watchPublished(scene, "packed", "smp", WANTED),
      watchSuppression(scene, "smp", "only a barrier for CPUs"),
      watchDeviceEvent(scene, "smp", "only a barrier for CPUs"),
      watchUsedEntries(scene, true, WANTED),
      watchUsedDescriptors(scene, "smp", "only a barrier for CPUs"),
    );
    let negotiated = false;
    return {
      ...onlyIf(() => negotiated, rings),
      featuresOk(device) {
        negotiated ||= device.has(F.ORDER_PLATFORM);
      },
    };
  },
};
