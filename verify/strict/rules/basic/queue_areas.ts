import { F } from "../../../../spec/virtio/features.ts";
import { DeviceStatus as S } from "../../../../spec/virtio/status.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule } from "../../rule.ts";
import { facility, reserved } from "./_clauses.ts";
import { areasOf } from "./_memory.ts";
import { hex } from "./_registers.ts";

const ringOf = (queue: QueueModel) => queue.ring?.kind ?? "split";

/** Areas lie on their boundaries. */
export const QUEUE_ALIGNMENT: Rule = {
  id: "queue-alignment",
  clauses: facility("Virtqueues", 1).concat(facility("Packed Virtqueues", 1)),
  level: "violation",
  section: "virtio 1.4, 2.7, 2.8",
  title:
    "The areas of a queue are aligned: 16, 2 and 4 bytes in the split ring, 16, 4 and 4 in the packed ring",
  hint: "Allocate each area on its own page, or round the start of each up when they share one allocation.",
  watch: (scene) => ({
    queueEnabled(queue) {
      for (const { what, address, align } of areasOf(queue)) {
        if (address % align === 0) continue;
        scene.report({
          device: queue.device,
          queue,
          found: `the ${what} of queue ${queue.index} is at ${hex(address)}`,
          expected: `a multiple of ${align} (${ringOf(queue)} ring)`,
          evidence: [{ what, address, value: hex(address) }],
        });
      }
    },
  }),
};

/** A device knows physical addresses only. */
export const QUEUE_IN_MEMORY: Rule = {
  id: "queue-in-memory",
  clauses: reserved(5),
  level: "violation",
  section: "virtio 1.4, 6.1",
  title: "The areas of a queue are given by guest-physical addresses of memory",
  hint:
    "Translate the virtual address before it goes into the register, and write both halves of the 64 bits.",
  watch: (scene) => ({
    queueEnabled(queue) {
      if (queue.device.has(F.ACCESS_PLATFORM) || queue.size === 0) return;
      for (const { what, address, length } of areasOf(queue)) {
        const freed = scene.machine.allocationAt(address) === undefined && scene.machine.wasFreed(address);
        if (scene.machine.isRam(address, length) && !freed) continue;
        scene.report({
          device: queue.device,
          queue,
          found: `the ${what} of queue ${queue.index} (${length} bytes) is at ${hex(address)}, ` +
            (freed ? `which was ${freed.owner} and is freed` : "where there is no RAM"),
          expected: "a guest-physical address within RAM",
          evidence: [{ what, address, value: hex(address) }],
        });
      }
    },
  }),
};

/** No two areas share a byte. */
export const QUEUE_OVERLAP: Rule = {
  id: "queue-overlap",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.6, 2.7, 2.8",
  title: "The areas of queues do not overlap",
  hint:
    "Compare the addresses with the sizes of the areas: 16, 2 and 8 bytes an entry, and 6 more for either ring.",
  watch: (scene) => ({
    queueEnabled(queue) {
      // An area that was not described is not there (`queue-complete`).
      if (queue.size === 0 || queue.desc === 0 || queue.driver === 0 || queue.deviceArea === 0) return;
      const mine = areasOf(queue);
      const others = scene.machine.devices.flatMap((d) => [...d.queues.values()])
        // A device that was given up does not come to DRIVER_OK, and does not touch its queues.
        .filter((q) => q.enabled && q !== queue && (q.device.status & S.FAILED) === 0)
        .flatMap((q) => areasOf(q).map((area) => ({ ...area, owner: q.name })));
      for (const [i, a] of mine.entries()) {
        const rest = [...mine.slice(i + 1).map((area) => ({ ...area, owner: queue.name })), ...others];
        const hit = rest.find((b) => a.address < b.address + b.length && b.address < a.address + a.length);
        if (hit === undefined) continue;
        scene.report({
          device: queue.device,
          queue,
          found:
            `the ${a.what} of queue ${queue.index} (${a.length} bytes at ${hex(a.address)}) overlaps the ` +
            `${hit.what} of ${hit.owner} (${hit.length} bytes at ${hex(hit.address)})`,
          expected: `the ${hit.what} behind ${hex(a.address + a.length)}, or before ${hex(a.address)}`,
          evidence: [
            { what: a.what, address: a.address, value: `${a.length} bytes` },
            { what: hit.what, address: hit.address, value: `${hit.length} bytes` },
          ],
        });
        return;
      }
    },
  }),
};

/** The ring is not longer than its memory. */
export const QUEUE_AREA_ALLOCATED: Rule = {
  id: "queue-area-allocated",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7, 2.8",
  title: "The memory of a queue's area is as long as the ring's size asks for",
  hint:
    "Split: 16 bytes a descriptor, 6 + 2 an entry, 6 + 8 an entry. Packed: 16 bytes a descriptor, and 4, and 4.",
  watch: (scene) => ({
    queueEnabled(queue) {
      for (const { what, address, length } of areasOf(queue)) {
        const memory = scene.machine.allocationAt(address);
        if (memory === undefined || address + length <= memory.phys + memory.length) continue;
        // Memory behind it may be a part of the same thing that was allocated on its own.
        const behind = scene.machine.allocationAt(memory.phys + memory.length);
        if (behind !== undefined && behind.phys !== memory.phys) continue;
        scene.report({
          device: queue.device,
          queue,
          found:
            `the ${what} of queue ${queue.index} (size ${queue.size}) has ${length} bytes at ${
              hex(address)
            }, and ` +
            `its memory ends at ${hex(memory.phys + memory.length)}`,
          expected: `${length} bytes of memory`,
          evidence: [{ what: memory.owner, address: memory.phys, value: `${memory.length} bytes` }],
        });
      }
    },
  }),
};
