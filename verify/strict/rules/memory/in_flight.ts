import type { Rule, Scene } from "../../rule.ts";
import { type Held, holderOf } from "./owners.ts";
import { bytesAt, chainName, changes, hex, plural } from "./support.ts";

const CLEANUP = "drivernormative:General Initialization And Device Operation / Device Cleanup#1";

/** Where an access is within what a chain holds, for the report. */
function about(scene: Scene, held: Held, what: string, address: number, length: number) {
  return {
    device: held.queue.device,
    queue: held.queue,
    found:
      `${plural(length, "byte")} at ${hex(address)} ${
        length === 1 ? "was" : "were"
      } ${what}: part of the ${held.what} of ` +
      `${chainName(held.queue, held.chain)} in ${held.queue.name}`,
    evidence: [bytesAt(scene, held.what, address, length)],
  };
}

/** An indirect table belongs to the ring while its chain is in flight. */
export const TABLE_IN_FLIGHT: Rule = {
  id: "table-in-flight",
  clauses: [CLEANUP],
  level: "violation",
  section: "virtio 1.4, 3.3.1",
  title: "An indirect table stays as it is until the device has used its chain",
  hint: "Each chain in flight needs a table of its own. When was this one given to the next chain?",
  watch: (scene) => ({
    write(write) {
      if (write.part !== undefined || !changes(scene, write)) return;
      const held = holderOf(scene, write.address, write.length);
      if (held?.what !== "table") return;
      const expected = "no change before the device has used the chain";
      scene.report({ ...about(scene, held, "written", write.address, write.length), expected });
    },
  }),
};

/** What a device reads must not change under it. */
export const SENT_BUFFER_WRITTEN: Rule = {
  id: "readable-buffer-in-flight",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.6",
  title: "A buffer that the device reads is left alone until the device has used it",
  hint: "The device reads it when it likes. Fill another buffer, or wait until this one came back.",
  watch: (scene) => ({
    write(write) {
      if (write.part !== undefined || !changes(scene, write)) return;
      const held = holderOf(scene, write.address, write.length);
      if (held?.what !== "readable buffer") return;
      const expected = "no change before the device has used the buffer";
      scene.report({ ...about(scene, held, "written", write.address, write.length), expected });
    },
  }),
};

/** What a device writes is the device's. */
export const RECEIVE_BUFFER_WRITTEN: Rule = {
  id: "writable-buffer-in-flight",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.6",
  title: "A buffer that the device writes is left alone until the device has used it",
  hint:
    "What the driver stores there, the device may overwrite, or the driver the device's bytes. Clear buffers before " +
    "they are made available.",
  watch: (scene) => ({
    write(write) {
      if (write.part !== undefined) return;
      const held = holderOf(scene, write.address, write.length);
      if (held?.what !== "writable buffer") return;
      const expected = "no store before the device has used the buffer";
      scene.report({ ...about(scene, held, "written", write.address, write.length), expected });
    },
  }),
};

/** What stands in a buffer before it came back means nothing. */
export const RECEIVE_BUFFER_READ: Rule = {
  id: "writable-buffer-read-early",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.8, 2.8.13",
  title: "What the device wrote is read after the used ring said so, not before",
  hint:
    "The used entry, or the used descriptor, says that the bytes are there and how many. Is this the buffer that came " +
    "back?",
  watch: (scene) => ({
    read(read) {
      if (read.part !== undefined) return;
      const held = holderOf(scene, read.address, read.length);
      if (held?.what !== "writable buffer") return;
      const expected = "the device has used the buffer before it is read";
      scene.report({ ...about(scene, held, "read", read.address, read.length), expected });
    },
  }),
};

/** The device's own part of a queue. */
export const DEVICE_AREA_WRITTEN: Rule = {
  id: "device-area-written",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.7.8, 2.8.14",
  title: "The device area of a queue (used ring, device event structure) is written by the device alone",
  hint:
    "Are the addresses of driver area and device area given the right way round? avail_event and the used ring " +
    "belong to the device; clear them before the queue is enabled.",
  watch: (scene) => ({
    write(write) {
      const { part } = write;
      if (part?.area !== "device") return;
      scene.report({
        device: part.queue.device,
        queue: part.queue,
        found: `the driver wrote ${plural(write.length, "byte")} at offset ${part.offset} of the device area`,
        expected: "no store of the driver while the queue is enabled",
        evidence: [bytesAt(scene, "device area", write.address, write.length)],
      });
    },
  }),
};
