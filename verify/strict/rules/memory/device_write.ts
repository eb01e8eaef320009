import type { DeviceWrite } from "../../events.ts";
import type { Owned } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { DriverAtFault } from "./driver_at_fault.ts";
import { enabledQueues } from "./owners.ts";
import { bytesAt, chainName, hex, plural, together } from "./support.ts";

/** What is wrong with a write of a device, or undefined. */
function fault(scene: Scene, write: DeviceWrite): string | undefined {
  const { part } = write;
  if (part?.area === "device") return undefined;
  if (part?.area === "desc" && part.queue.ring!.kind === "packed") {
    // A packed ring's descriptors are both sides', by turns.
    if (part.queue.ring!.ownerOf(write.address, write.length)?.what === "descriptor") return undefined;
    return `descriptor ${part.offset >> 4} of ${part.queue.name}, which is the driver's now`;
  }
  if (part !== undefined) {
    const area = part.area === "desc" ? "the descriptor table" : "the driver area";
    return `${area} of ${part.queue.name}, at offset ${part.offset}: the driver's alone`;
  }
  for (const queue of enabledQueues(scene)) {
    if (isWithin(queue.ring!.ownerOf(write.address, write.length), write)) return undefined;
  }
  let other: string | undefined;
  for (const queue of enabledQueues(scene)) {
    for (const chain of queue.ring!.inFlight.values()) {
      for (const s of chain.segments) {
        const end = s.address + s.length;
        if (write.address >= end || write.address + write.length <= s.address) continue;
        if (s.writable && write.address >= s.address && write.address + write.length <= end) return undefined;
        const what = s.writable ? "over an end of a writable buffer" : "a buffer that it may only read";
        other ??= `${what}: ${chainName(queue, chain)} in ${queue.name}`;
      }
    }
  }
  return other ?? "memory that was not given to it";
}

/** Whether a write stays within a writable buffer of the chain that has these bytes. */
const isWithin = (owned: Owned | undefined, write: DeviceWrite): boolean =>
  owned?.what === "writable buffer" &&
  owned.chain.segments.some((s) =>
    s.writable && write.address >= s.address && write.address + write.length <= s.address + s.length
  );

/** Devices reach only what they were given. Seen on the simulated machine. */
export const DEVICE_WRITES_OUTSIDE: Rule = {
  id: "device-writes-outside",
  clauses: [
    "devicenormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Descriptor Table#1",
    "devicenormative:Basic Facilities of a Virtio Device / Packed Virtqueues / The Virtqueue Descriptor Table#1",
    "devicenormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Descriptor Table#4",
  ],
  level: "violation",
  section: "virtio 1.4, 2.7.5.1, 2.8.13.2",
  title:
    "A device touches memory not given to it: it writes device areas, used descriptors and writable buffers in flight",
  hint:
    "This is the device's fault, unless the driver freed, or reset, or used again what the device still had.",
  watch(scene) {
    const driver = new DriverAtFault(scene);
    return together(driver.watcher, {
      deviceWrite(write) {
        if (driver.any) return;
        const wrong = fault(scene, write);
        if (wrong === undefined) return;
        scene.report({
          device: write.part?.queue.device,
          queue: write.part?.queue,
          found: `a device wrote ${plural(write.length, "byte")} at ${hex(write.address)}: ${wrong}`,
          expected: "a store within a device area, or a writable buffer of a chain in flight",
          evidence: [bytesAt(scene, "memory after the store", write.address, write.length)],
          place: [],
        });
      },
    });
  },
};
