import { F } from "../../../../spec/virtio/features.ts";
import { SPLIT_MAX_SIZE } from "../../../../spec/virtio/split.ts";
import type { Rule } from "../../rule.ts";
import {
  COMMON,
  facility,
  MMIO_INIT,
  MMIO_LAYOUT,
  operation,
  overMmio,
  overPci,
  QUEUE_AGAIN,
} from "./_clauses.ts";
import { hex, nameOf, purposeOf } from "./_registers.ts";
import { PerQueue, selectedQueue } from "./_state.ts";

/** Sizes that a ring can have. */
export const QUEUE_SIZE: Rule = {
  id: "queue-size",
  clauses: overPci(COMMON, 2, 3),
  level: "violation",
  section: "virtio 1.4, 2.7, 2.8, 4.1.4.3.2",
  title:
    "The size of a split ring is a power of two, that of a packed ring is not 0, and neither is above 32768",
  hint: "Round the wanted size down to a power of two for the split ring.",
  watch: (scene) => ({
    access(a) {
      const { device, value } = a;
      if (!a.write || purposeOf(a) !== "queueSize" || device.legacy) return;
      const packed = device.has(F.RING_PACKED);
      const power = value > 0 && (value & (value - 1)) === 0;
      if (value <= SPLIT_MAX_SIZE && (packed ? value !== 0 : power)) return;
      scene.report({
        device,
        queue: selectedQueue(device),
        found: `${nameOf(a)} of queue ${device.queueSelect} was written with ${value}`,
        expected: packed ? "1 to 32768 (packed ring)" : "a power of two, 1 to 32768 (split ring)",
        evidence: [{ what: nameOf(a), address: a.address, value: `${value}` }],
      });
    },
  }),
};

/** No more than the device can. */
export const QUEUE_SIZE_MAX: Rule = {
  id: "queue-size-max",
  clauses: overMmio(MMIO_LAYOUT, 14),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2, 4.1.4.3",
  title: "The size of a queue is at most what the device allows",
  hint:
    "Read the device's size (queue_size after a reset, QueueSizeMax) of the same queue and take the smaller one.",
  watch: (scene) => ({
    access(a) {
      const { device, value } = a;
      const queue = selectedQueue(device);
      if (!a.write || purposeOf(a) !== "queueSize" || device.legacy) return;
      // A size that nobody asked for is 0 in the model.
      if (queue === undefined || queue.max === 0 || value <= queue.max) return;
      scene.report({
        device,
        queue,
        found: `${nameOf(a)} of queue ${queue.index} was written with ${value}`,
        expected: `at most ${queue.max}, which the device allows`,
        evidence: [
          { what: nameOf(a), address: a.address, value: `${value}` },
          { what: "largest size, as read", value: `${queue.max}` },
        ],
      });
    },
  }),
};

/** A queue is described before it is enabled, also again. */
export const QUEUE_COMPLETE: Rule = {
  id: "queue-complete",
  clauses: [...overPci(COMMON, 4), ...facility(QUEUE_AGAIN, 1)],
  level: "violation",
  section: "virtio 1.4, 4.1.4.3.2, 4.2.3.2, 2.6.1.3.1",
  title:
    "A queue is enabled after all of it was described: the addresses of its areas, on virtio-mmio its size, too",
  hint:
    "A reset of the device, or of the queue, takes all of it away: write everything again. Is the right queue selected?",
  watch(scene) {
    const written = new PerQueue(() => new Set<string>());
    return {
      access(a) {
        const { device } = a;
        const purpose = purposeOf(a);
        if (purpose === undefined || device.legacy) return;
        const known = written.of(device, device.queueSelect);
        if (!a.write && purpose === "queueSize") known.add("sizeRead");
        if (!a.write) return;
        if (purpose === "queueReset" && a.value === 1) return known.clear();
        if (["desc", "driver", "device", "queueSize"].includes(purpose)) known.add(purpose);
        if (purpose !== "queueEnable" || a.value === 0 || selectedQueue(device)?.enabled) return;
        const needed = device.transport === "mmio"
          ? ["queueSize", "desc", "driver", "device"]
          : ["desc", "driver", "device"];
        const missing = needed.filter((part) => !known.has(part));
        // On PCI the device's own size stands there: a driver that neither reads nor writes it knows no size.
        const sized = known.has("queueSize") || known.has("sizeRead") ||
          (selectedQueue(device)?.max ?? 0) > 0;
        const unsized = device.transport === "pci" && !sized ? ["its size neither read nor written"] : [];
        if (missing.length === 0 && unsized.length === 0) return;
        const unwritten = missing.length === 0
          ? []
          : [`its ${missing.map((m) => WORDS[m]).join(", ")} not written`];
        scene.report({
          device,
          queue: selectedQueue(device),
          found: `queue ${device.queueSelect} was enabled, and ${[...unwritten, ...unsized].join(", ")}` +
            (device.resets > 0 ? " since the last reset" : ""),
          expected: "all registers of the queue written first",
          evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
        });
      },
      reset: (device) => written.clear(device),
    };
  },
};

const WORDS: Readonly<Record<string, string>> = {
  queueSize: "size",
  desc: "descriptor area",
  driver: "driver area",
  device: "device area",
};

/** A queue must exist. */
export const QUEUE_EXISTS: Rule = {
  id: "queue-exists",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 4.1.4.3, 4.2.3.2",
  title: "A queue whose size reads as 0 does not exist and is not enabled",
  hint:
    "Select a queue, read its size, and stop if that is 0. Is the number of queues what the features say?",
  watch(scene) {
    const absent = new PerQueue(() => ({ yes: false }));
    return {
      access(a) {
        const { device } = a;
        const purpose = purposeOf(a);
        if (device.legacy) return;
        const readsMax = purpose === (device.transport === "mmio" ? "queueMax" : "queueSize");
        const queue = selectedQueue(device);
        // What a driver reads behind its own write is its own size.
        if (!a.write && readsMax) {
          absent.of(device, device.queueSelect).yes = a.value === 0 && (queue?.max ?? 0) === 0;
        }
        if (!a.write || purpose !== "queueEnable" || a.value === 0) return;
        if (!absent.of(device, device.queueSelect).yes) return;
        scene.report({
          device,
          queue,
          found: `queue ${device.queueSelect} was enabled, and the device has read 0 as its size`,
          expected: "only queues that the device has",
          evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};

/** A queue that was described is used. */
export const QUEUE_ENABLED: Rule = {
  id: "queue-enabled",
  clauses: [...operation("Device Initialization", 1), ...overMmio(MMIO_INIT, 6)],
  level: "violation",
  section: "virtio 1.4, 3.1.1, 4.1.4.3, 4.2.3.2",
  title: "A queue whose addresses were written is enabled before DRIVER_OK",
  hint: "Write 1 to queue_enable (QueueReady): without it the device does not look at the queue.",
  watch(scene) {
    const enabled = new PerQueue(() => ({ ever: false }));
    return {
      queueEnabled: (queue) => void (enabled.ofQueue(queue).ever = true),
      driverOk(device) {
        for (const queue of device.queues.values()) {
          if (queue.desc === 0 || queue.enabled || enabled.ofQueue(queue).ever || device.legacy) continue;
          scene.report({
            device,
            queue,
            found: `DRIVER_OK was written, and queue ${queue.index} has addresses and is not enabled`,
            expected: `1 written to ${device.transport === "pci" ? "queue_enable" : "QueueReady"} before`,
            evidence: [{ what: "descriptor area", address: queue.desc, value: hex(queue.desc) }],
          });
        }
      },
      reset: (device) => enabled.clear(device),
    };
  },
};
