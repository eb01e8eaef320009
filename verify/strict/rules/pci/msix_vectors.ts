import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { overPci, VECTORS } from "../basic/_clauses.ts";
import { hex, purposeOf } from "../basic/_registers.ts";
import { PerDevice } from "../basic/_state.ts";
import { CONFIG, ownerName, ownerOf } from "./_vectors.ts";

/** The table has an end. */
export const MSIX_VECTOR_RANGE: Rule = {
  id: "msix-vector-range",
  clauses: overPci(VECTORS, 4),
  level: "violation",
  section: "virtio 1.4, 4.1.5.1.2.2",
  title: "A vector is an entry of the MSI-X table, or 0xffff for none",
  hint:
    "The number is that of the entry in the device's table (from 0), not the CPU's vector; the table size is in the capability.",
  watch: (scene) => ({
    access(a) {
      const owner = ownerOf(a);
      if (!a.write || owner === undefined || a.value === NO_VECTOR || a.value < a.device.vectors) return;
      scene.report({
        device: a.device,
        queue: owner === CONFIG ? undefined : a.device.queues.get(owner),
        found: `${a.register} was written with ${a.value} for ${ownerName(owner)}`,
        expected: a.device.vectors === 0
          ? "0xffff: the function has no MSI-X"
          : `0 to ${a.device.vectors - 1}, or 0xffff`,
        evidence: [{ what: a.register!, address: a.address, value: hex(a.value) }],
      });
    },
  }),
};

/** The device may have no resources for it. */
export const MSIX_READ_BACK: Rule = {
  id: "msix-read-back",
  clauses: overPci(VECTORS, 5),
  level: "violation",
  section: "virtio 1.4, 4.1.5.1.2.2",
  title: "After a vector was written the driver reads it back: 0xffff says that the device could not take it",
  hint:
    "Read config_msix_vector, queue_msix_vector right after writing them; on 0xffff use fewer vectors, or INTx.",
  watch(scene) {
    const pending = new PerDevice(() => new Map<number, number>());
    const report = (device: DeviceModel, owner: number, value: number, when: string) => {
      pending.of(device).delete(owner);
      scene.report({
        device,
        queue: owner === CONFIG ? undefined : device.queues.get(owner),
        found: `vector ${value} was written for ${ownerName(owner)} and not read back before ${when}`,
        expected: `${
          owner === CONFIG ? "config_msix_vector" : "queue_msix_vector"
        } read after it was written`,
        evidence: [{ what: "vector written", value: hex(value) }],
      });
    };
    return {
      access(a) {
        const owner = ownerOf(a);
        if (owner !== undefined) {
          if (a.write && a.value !== NO_VECTOR) pending.of(a.device).set(owner, a.value);
          else pending.of(a.device).delete(owner);
          return;
        }
        if (purposeOf(a) !== "queueEnable" || !a.write || a.value !== 1) return;
        const value = pending.of(a.device).get(a.device.queueSelect);
        if (value !== undefined) report(a.device, a.device.queueSelect, value, "the queue was enabled");
      },
      driverOk(device) {
        for (const [owner, value] of pending.of(device)) report(device, owner, value, "DRIVER_OK");
      },
      reset: (device) => pending.clear(device),
    };
  },
};
