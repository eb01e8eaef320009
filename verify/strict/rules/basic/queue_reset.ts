import { F } from "../../../../spec/virtio/features.ts";
import type { Access } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { COMMON, facility, MMIO_LAYOUT, overMmio, overPci, QUEUE_RESET } from "./_clauses.ts";
import { memoryOf, type Stretch } from "./_memory.ts";
import { describesQueue, hex, nameOf, purposeOf } from "./_registers.ts";
import { PerQueue, selectedQueue } from "./_state.ts";

/** The register is there with the feature only. */
export const QUEUE_RESET_FEATURE: Rule = {
  id: "queue-reset-feature",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.6.1",
  title: "A queue is reset only if RING_RESET was negotiated",
  hint: "Without RING_RESET reset the whole device.",
  watch: (scene) => ({
    access(a) {
      const { device } = a;
      if (!a.write || purposeOf(a) !== "queueReset" || device.legacy || device.has(F.RING_RESET)) return;
      scene.report({
        device,
        queue: selectedQueue(device),
        found: `${nameOf(a)} of queue ${device.queueSelect} was written with ${a.value} without RING_RESET`,
        expected: "RING_RESET among the negotiated features",
        evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
      });
    },
  }),
};

interface Pending {
  queue: QueueModel | undefined;
  memory: Stretch[];
}

/** A reset takes time. */
export const QUEUE_RESET_AWAITED: Rule = {
  id: "queue-reset-awaited",
  clauses: [...facility(QUEUE_RESET, 1), ...overPci(COMMON, 7), ...overMmio(MMIO_LAYOUT, 21)],
  level: "violation",
  section: "virtio 1.4, 2.6.1.2, 4.1.4.3.2, 4.2.2.2",
  title:
    "The reset of a queue is done when queue_reset reads 0; before that its registers and its memory are left alone",
  hint: "Read queue_reset in a loop until it is 0, then free, or describe the queue anew and enable it.",
  watch(scene) {
    const state = new PerQueue(() => ({ pending: undefined as Pending | undefined }));
    const pending = new Set<{ pending: Pending | undefined }>();
    return {
      access(a) {
        const { device } = a;
        const purpose = purposeOf(a);
        if (device.legacy || purpose === undefined) return;
        const s = state.of(device, device.queueSelect);
        if (purpose === "queueReset") {
          if (!a.write) {
            if (a.value === 0) s.pending = undefined;
          } else if (a.value === 1 && device.has(F.RING_RESET)) {
            if (s.pending !== undefined) reportEarly(scene, a, "again");
            const queue = selectedQueue(device);
            s.pending = { queue, memory: queue === undefined ? [] : memoryOf(queue) };
            pending.add(s);
          }
          return;
        }
        const uses = describesQueue(purpose) || purpose === "queueEnable" && a.value !== 0;
        if (a.write && uses && s.pending !== undefined) reportEarly(scene, a, "");
      },
      freed(buffer) {
        for (const s of pending) {
          if (s.pending === undefined) {
            pending.delete(s);
            continue;
          }
          const { queue, memory } = s.pending;
          const hit = memory.find((m) =>
            m.address < buffer.phys + buffer.length && buffer.phys < m.address + m.length
          );
          if (hit === undefined) continue;
          scene.report({
            device: queue?.device,
            queue,
            found:
              `${buffer.owner} (${hit.what} of queue ${queue?.index}) was freed before queue_reset was read as 0`,
            expected: "queue_reset read as 0 first",
            evidence: [{ what: hit.what, address: hit.address, value: `${hit.length} bytes` }],
          });
        }
      },
      reset(device) {
        state.clear(device);
        for (const s of pending) if (s.pending?.queue?.device === device) s.pending = undefined;
      },
    };
  },
};

function reportEarly(scene: Scene, a: Access, again: string): void {
  scene.report({
    device: a.device,
    queue: selectedQueue(a.device),
    found:
      `${nameOf(a)} of queue ${a.device.queueSelect} was written with ${hex(a.value)}${
        again && ` ${again}`
      } ` +
      "before queue_reset was read as 0",
    expected: "queue_reset read as 0: then the reset is done",
    evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
  });
}
