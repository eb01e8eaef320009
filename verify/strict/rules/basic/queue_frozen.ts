import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import { DeviceStatus as S } from "../../../../spec/virtio/status.ts";
import type { Access } from "../../events.ts";
import type { Rule, Scene } from "../../rule.ts";
import { COMMON, MMIO_LAYOUT, overMmio, overPci } from "./_clauses.ts";
import { describesQueue, hex, nameOf, purposeOf } from "./_registers.ts";
import { PerQueue, selectedQueue } from "./_state.ts";

function reportFrozen(scene: Scene, a: Access, register: string): void {
  scene.report({
    device: a.device,
    queue: selectedQueue(a.device),
    found: `${nameOf(a)} of queue ${a.device.queueSelect} was written with ${
      hex(a.value)
    } after the queue was enabled`,
    expected: `${register} is the last register of a queue that is written`,
    evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
  });
}

/** Enabling is the last step. */
export const PCI_QUEUE_FROZEN: Rule = {
  id: "pci-queue-enable-last",
  clauses: overPci(COMMON, 4),
  level: "violation",
  section: "virtio 1.4, 4.1.4.3.2",
  title: "The registers of a queue are written before queue_enable",
  hint: "Size, addresses and vector first, then queue_enable = 1. Does queue_select name the queue you mean?",
  watch: (scene) => ({
    access(a) {
      const { device } = a;
      const purpose = purposeOf(a);
      if (!a.write || device.transport !== "pci" || device.legacy || !selectedQueue(device)?.enabled) return;
      // Taking a vector away is how interrupts end before a reset.
      const vector = purpose === "queueVector" && a.value !== NO_VECTOR;
      if (describesQueue(purpose) || vector) reportFrozen(scene, a, "queue_enable");
    },
  }),
};

/** The same on virtio-mmio. */
export const MMIO_QUEUE_FROZEN: Rule = {
  id: "mmio-queue-ready-last",
  clauses: overMmio(MMIO_LAYOUT, 15),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2",
  title: "Size and addresses of a queue are not written while QueueReady is 1",
  hint: "Write QueueReady last. Does QueueSel name the queue you mean?",
  watch: (scene) => ({
    access(a) {
      const { device } = a;
      if (!a.write || device.transport !== "mmio" || device.legacy || !selectedQueue(device)?.enabled) return;
      if (describesQueue(purposeOf(a))) reportFrozen(scene, a, "QueueReady");
    },
  }),
};

/** On PCI a queue is not switched off by its register. */
export const PCI_QUEUE_ENABLE_ZERO: Rule = {
  id: "pci-queue-enable-zero",
  clauses: overPci(COMMON, 6),
  level: "violation",
  section: "virtio 1.4, 4.1.4.3.2",
  title: "The driver writes nothing but 1 to queue_enable",
  hint: "A queue is stopped by queue_reset (with RING_RESET) or by a reset of the device.",
  watch: (scene) => ({
    access(a) {
      if (!a.write || a.space !== "common" || purposeOf(a) !== "queueEnable" || a.value === 1) return;
      scene.report({
        device: a.device,
        queue: selectedQueue(a.device),
        found: `queue_enable of queue ${a.device.queueSelect} was written with ${hex(a.value)}`,
        expected: "1, or no write",
        evidence: [{ what: "queue_enable", address: a.address, value: hex(a.value) }],
      });
    },
  }),
};

/** A second value for an address that no queue has used: the first was meant for another queue. */
export const QUEUE_WRITTEN_TWICE: Rule = {
  id: "queue-written-twice",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 4.1.5.1.3, 4.2.3.2",
  title: "An address of a queue is written once before the queue is enabled",
  hint:
    "Was queue_select (QueueSel) written before the registers of each queue, and did the write reach the device?",
  watch(scene) {
    const written = new PerQueue(() => new Map<string, number>());
    return {
      access(a) {
        const { device } = a;
        const purpose = purposeOf(a);
        if (!a.write || purpose === undefined || device.legacy) return;
        const known = written.of(device, device.queueSelect);
        if (purpose === "queueReset" || purpose === "queueEnable") return known.clear();
        if (!describesQueue(purpose) || purpose === "queueSize" || (device.status & S.FAILED) !== 0) return;
        const before = known.get(purpose);
        known.set(purpose, a.value);
        if (before === undefined || before === a.value || selectedQueue(device)?.enabled) return;
        scene.report({
          device,
          queue: selectedQueue(device),
          found:
            `${nameOf(a)} of queue ${device.queueSelect} was written with ${hex(a.value)} after ${
              hex(before)
            }, ` +
            "and the queue was not enabled between",
          expected: "one value, or another queue selected",
          evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
        });
      },
      // Who has given the memory back has given that set-up up.
      freed({ phys, length }) {
        for (const device of scene.machine.devices) {
          for (const { index, desc, driver, deviceArea } of device.queues.values()) {
            for (const [area, at] of Object.entries({ desc, driver, device: deviceArea })) {
              if (at < phys || at >= phys + length) continue;
              written.of(device, index).delete(area);
              written.of(device, index).delete(`${area}High`);
            }
          }
        }
      },
      reset: (device) => written.clear(device),
    };
  },
};
