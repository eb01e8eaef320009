import { assertEquals } from "@std/assert";
import { F } from "../../../../spec/virtio/features.ts";
import { BUFFER_RULES } from "../../../../verify/strict/rules/buffers/mod.ts";
import { Hands } from "../../../drivers-gone-wrong/mistake.ts";
import type { Setting } from "../../../drivers-gone-wrong/setting.ts";
import { drive, simulatedWorld } from "../../../drivers-gone-wrong/world.ts";
import { onceTest } from "../../../support/once.ts";
import { HandDevice } from "../support/hand.ts";

/** A console that gets `rounds` inputs of 8 bytes, one buffer after the other. */
function inputs(rounds: number, read: (device: HandDevice, buffer: number, round: number) => void): string[] {
  const device = new HandDevice(3, F.VERSION_1, [0, 1], BUFFER_RULES);
  const [buffer] = device.publish(0, 64);
  for (let i = 0; i < rounds; i++) {
    device.device(buffer, new Uint8Array(8).fill(i));
    device.use(0, 8);
    read(device, buffer, i);
    device.publishAt(0, buffer, 64);
  }
  return device.lines("received-unread");
}

onceTest("a driver that reads what came gives no report, nor one that throws something away", () => {
  assertEquals(inputs(10, (device, at) => device.load(at, 8)), []);
  assertEquals(inputs(10, (device, at, i) => i === 0 ? device.load(at, 1) : undefined), []);
  assertEquals(inputs(2, () => {}), []);
  assertEquals(inputs(10, (device, at, i) => i === 2 ? device.load(at, 8) : undefined), []);
});

onceTest("a driver that looks elsewhere is told after three buffers", () => {
  const elsewhere = inputs(10, (device, at) => device.load(at + 4096, 8));
  assertEquals(elsewhere, [
    "warning received-unread: 3 buffers were given back, and not a byte of what the device wrote was read (8 in the last); " +
    "expected reads from the buffers that were used",
  ]);
});

onceTest("reads stop at the end of the buffer", () => {
  const read = (start: number, length: number, neighbour = false) => {
    const device = new HandDevice(3, F.VERSION_1, [0, 1], BUFFER_RULES);
    const at = device.allocate(4096);
    device.publishAt(0, at, 64);
    if (neighbour) device.publishAt(0, at + 64, 64);
    device.device(at, new Uint8Array(128).fill(1));
    device.use(0, 64);
    if (neighbour) device.use(0, 64);
    device.load(at + start, length);
    return device.lines("buffer-read-past-end");
  };
  assertEquals(read(0, 64), []);
  assertEquals(read(52, 12), []);
  // Two buffers that lie side by side, in one go; and a word that goes over the end.
  assertEquals(read(0, 128, true), []);
  assertEquals(read(60, 8), []);
  assertEquals(read(12, 64), [
    "warning buffer-read-past-end: 64 bytes were read from byte 12 on of a buffer of 64 bytes; " +
    "expected no byte behind the end of the buffer: 12 less",
  ]);
  assertEquals(read(0, 129, true).length, 1);
});

for (const device of ["rng", "console", "net"] as const) {
  for (const [machine, interrupts] of [["q35", "msix"], ["microvm", "line"]] as const) {
    for (const ring of ["split", "packed"] as const) {
      const setting: Setting = { device, machine, ring, interrupts, eventIdx: true, indirect: true };
      onceTest(`buffers of a driver that is right: ${device}, ${machine}, ${ring}`, () => {
        const world = simulatedWorld(setting, BUFFER_RULES);
        if (device === "console") new Hands(world.student).console.expected = 5;
        if (device === "console") void world.type("hello");
        const { reports, error } = drive(world);
        assertEquals([reports, error], [[], undefined]);
      });
    }
  }
}
