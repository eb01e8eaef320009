import type { BufferView } from "../../events.ts";
import type { Chain } from "../../model/chain.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { enabledQueues } from "./owners.ts";
import { bytesAt, chainName, hex, overlap, plural, together } from "./support.ts";

const WITHDRAWN = "drivernormative:General Initialization And Device Operation / Device Cleanup#2";

/** Devices that were live, and were not reset since: FAILED, or a fault of the device, takes no memory back. */
class Started {
  private readonly devices = new Set<DeviceModel>();

  has(device: DeviceModel): boolean {
    return this.devices.has(device);
  }
  readonly watcher: Watcher = {
    driverOk: (device) => void this.devices.add(device),
    reset: (device) => void this.devices.delete(device),
  };
}

/** Memory of a queue that a live device uses. */
export const RING_FREED: Rule = {
  id: "ring-freed",
  clauses: [WITHDRAWN],
  level: "violation",
  section: "virtio 1.4, 3.3.1",
  title: "A queue's memory is freed only after the device, or the queue, was reset",
  hint: "Write 0 to the status and read it back until it is 0 before anything is freed.",
  watch(scene) {
    const started = new Started();
    return together(started.watcher, {
      freed(buffer) {
        if (buffer.piece) return;
        for (const queue of enabledQueues(scene)) {
          const area = started.has(queue.device) ? areaIn(queue, buffer) : undefined;
          if (area === undefined) continue;
          scene.report({
            device: queue.device,
            queue,
            found:
              `"${buffer.owner}", the ${area.what} of ${queue.name}, was freed while the queue is enabled, and the ` +
              "device was not reset",
            expected: "a reset of the device or the queue before",
            evidence: [bytesAt(scene, area.what, area.address, 16)],
          });
        }
      },
    });
  },
};

function areaIn(queue: QueueModel, buffer: BufferView): { what: string; address: number } | undefined {
  const areas = [["descriptor area", queue.desc], ["driver area", queue.driver], [
    "device area",
    queue.deviceArea,
  ]];
  for (const [what, address] of areas as [string, number][]) {
    if (overlap(address, 1, buffer.phys, buffer.length)) return { what, address };
  }
  return undefined;
}

/** Memory of a buffer that a live device has. */
export const FREED_IN_FLIGHT: Rule = {
  id: "buffer-freed-in-flight",
  clauses: [WITHDRAWN],
  level: "violation",
  section: "virtio 1.4, 3.3.1",
  title: "A buffer is freed only when the device has used it, or was reset",
  hint:
    "Which buffers came back? Only what the used ring names is free. To take the others back, reset the device or " +
    "the queue.",
  watch(scene) {
    const started = new Started();
    return together(started.watcher, {
      freed(buffer) {
        for (const queue of enabledQueues(scene)) {
          const held = started.has(queue.device) ? heldIn(queue, buffer) : undefined;
          if (held === undefined) continue;
          const { chain, what, address, length } = held;
          scene.report({
            device: queue.device,
            queue,
            found:
              `"${buffer.owner}" was freed: it holds the ${what} of ${plural(length, "byte")} at ${
                hex(address)
              } of ` +
              `${chainName(queue, chain)} in ${queue.name}, which is in flight`,
            expected: "the device has used the chain before, or was reset",
            evidence: [bytesAt(scene, what, address, length)],
          });
        }
      },
    });
  },
};

function heldIn(
  queue: QueueModel,
  buffer: BufferView,
): { chain: Chain; what: string; address: number; length: number } | undefined {
  for (const chain of queue.ring!.inFlight.values()) {
    const { table } = chain;
    if (table !== undefined && overlap(table.address, table.length, buffer.phys, buffer.length)) {
      return { chain, what: "indirect table", ...table };
    }
    const s = chain.segments.find((s) => overlap(s.address, s.length, buffer.phys, buffer.length));
    if (s !== undefined) {
      return {
        chain,
        what: s.writable ? "writable buffer" : "readable buffer",
        address: s.address,
        length: s.length,
      };
    }
  }
  return undefined;
}

/** Reports a touch of memory that was freed. */
function touched(scene: Scene, what: string, address: number, length: number): void {
  const { machine } = scene;
  if (machine.allocationAt(address) !== undefined) return;
  const freed = machine.wasFreed(address);
  if (freed === undefined) return;
  scene.report({
    found: `the driver ${what} ${plural(length, "byte")} at ${
      hex(address)
    }, memory that was freed (it was "${freed.owner}")`,
    expected: "memory that is allocated",
    evidence: [bytesAt(scene, "freed memory", address, length)],
  });
}

/** Use after free. */
export const USE_AFTER_FREE: Rule = {
  id: "use-after-free",
  clauses: [],
  level: "violation",
  section: "no clause: memory that was freed belongs to nobody",
  title: "The driver does not touch device memory that it has freed",
  hint: "What was the pointer kept for? After free the memory may be another buffer, of another device.",
  watch: (scene) => ({
    write: (write) => touched(scene, "wrote", write.address, write.length),
    read: (read) => touched(scene, "read", read.address, read.length),
  }),
};

/** What is not allocated is freed. */
export const FREED_TWICE: Rule = {
  id: "freed-twice",
  clauses: [],
  level: "violation",
  section: "no clause: memory is freed once",
  title: "Device memory is freed once",
  hint:
    "Who owns the buffer, and who frees it? After free forget the pointer. Had the memory been given out again, it would " +
    "now be taken from its new owner.",
  watch: (scene) => ({
    freedWrongly(buffer) {
      const { machine } = scene;
      const freed = machine.wasFreed(buffer.phys);
      const owner = machine.allocationAt(buffer.phys)?.owner;
      const state = owner !== undefined
        ? `which belongs to "${owner}"`
        : freed !== undefined
        ? "which was freed before"
        : "which was never allocated";
      scene.report({
        found: `"${buffer.owner}" frees ${plural(buffer.length, "byte")} at ${hex(buffer.phys)}, ${state}`,
        expected: "memory that it got and has not given back",
      });
    },
  }),
};
