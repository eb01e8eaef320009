import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { F } from "../../../spec/virtio/features.ts";
import { RULES } from "../../../verify/strict/mod.ts";
import { onceTest } from "../../support/once.ts";
import { HandDevice } from "./support/hand.ts";

const RUNS = 60, STEPS = 40;
/** Features of the ring that decide how it is laid out, and any of the device's own. */
const RING = [F.VERSION_1, F.EVENT_IDX, F.INDIRECT_DESC, F.RING_PACKED, F.IN_ORDER, F.NOTIFICATION_DATA];
const DEVICE_BITS = 64;

/** Something that a driver or a device does, wrong or right. */
const step = fc.record({
  what: fc.constantFrom("publish", "garbage", "used", "device", "read", "write", "config", "idle", "reset"),
  queue: fc.nat(5),
  bytes: fc.uint8Array({ maxLength: 80 }),
  length: fc.nat(3000),
  at: fc.nat(0x8000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function perform(device: HandDevice, { what, queue, bytes, length, at }: Step): void {
  device.time += length;
  switch (what) {
    case "publish":
      device.publish(queue, bytes, length);
      return;
    case "garbage":
      // Into rings and buffers alike, the indices of rings as well.
      device.store(0x1000 + at, bytes);
      return;
    case "used":
      return device.tryUse(queue, length);
    case "device":
      device.device(0x1000 + at, bytes);
      return;
    case "read":
      if (length > 0) device.load(0x1000 + at, length);
      return;
    case "write":
      device.write(at % 0x200, length * 0x1_0001 >>> 0);
      return;
    case "config":
      device.config(at % 32, length, 1);
      return;
    case "idle":
      device.idle();
      return;
    case "reset":
      device.reset();
  }
}

onceTest("rules take whatever a driver or a device does: none ever throws", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2, 3, 4),
      fc.subarray(RING),
      fc.bigInt({ min: 0n, max: (1n << BigInt(DEVICE_BITS)) - 1n }),
      fc.array(step, { minLength: STEPS, maxLength: STEPS }),
      (id, ring, own, steps) => {
        const reserved = (1n << 24n) - 1n | ((1n << 14n) - 1n) << 50n;
        const features = ring.reduce((set, f) => set | f, own & reserved);
        const device = new HandDevice(id, features, [0, 1, 2, 3, 4, 5], RULES);
        for (const one of steps) perform(device, one);
        device.strict.end("stuck");
        const failed = device.strict.reports.filter((r) => r.found.startsWith("the rule itself failed"));
        assertEquals(failed, []);
      },
    ),
    { numRuns: RUNS, seed: 6 },
  );
});
