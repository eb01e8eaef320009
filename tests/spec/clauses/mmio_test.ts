/** Clauses for devices in the chapter on MMIO that no test of a model shows. */
import { assertEquals } from "@std/assert";
import type { VirtioSerial } from "../../../devices/virtio/mod.ts";
import { Rig } from "../../devices/virtio/_rig.ts";
import { onceTest } from "../../support/once.ts";

/** A live device; queue 0 has 8 entries at 0x1000. `word1`: bits of the second feature word. */
function running(words: string[], word1 = 1, word0 = 0): { r: Rig; w: (at: number, value: number) => void } {
  const r = new Rig(words);
  const w = (at: number, value: number) => r.mmio.write(at, 4, value);
  for (const [at, value] of [[0x70, 0], [0x70, 3], [0x24, 1], [0x20, word1], [0x24, 0], [0x20, word0]]) {
    w(at, value);
  }
  w(0x70, 11);
  enable(w, 0x1000, 8);
  w(0x70, 15);
  r.run();
  return { r, w };
}
function enable(w: (at: number, value: number) => void, base: number, size: number): void {
  w(0x30, 0);
  w(0x38, size);
  for (const i of [0, 1, 2]) {
    w(0x80 + 16 * i, base + 0x1000 * i);
    w(0x84 + 16 * i, 0);
  }
  w(0x44, 1);
}
/** Gives a buffer of 8 bytes and notifies. */
function give(r: Rig, n: number): void {
  r.desc(0x1000, 0x2_0000, 8, 2, 0);
  r.avail(0x1000, 0, n);
  r.mmio.write(0x50, 4, 0);
  r.run();
}

onceTest("MagicValue, Version and DeviceID of each device, and of an empty slot", () => {
  for (
    const [word, id] of [["virtio-net-device", 1], ["virtio-serial-device", 3], ["virtio-rng-device", 4]]
  ) {
    const { mmio } = new Rig([word as string]);
    assertEquals([0, 4, 8].map((at) => mmio.read(at, 4)), [0x7472_6976, 2, id]);
  }
});

onceTest("an interrupt bit stands until it is acknowledged; a reset clears the bits and QueueReady", () => {
  const { r, w } = running(["virtio-rng-device"]);
  give(r, 0);
  assertEquals([r.mmio.read(0x60, 4), r.mmio.read(0x60, 4)], [1, 1], "reading does not clear it");
  w(0x64, 2);
  assertEquals(r.mmio.read(0x60, 4), 1);
  w(0x70, 0);
  assertEquals([0x60, 0x44, 0x70].map((at) => r.mmio.read(at, 4)), [0, 0, 0]);
  assertEquals(r.line.join(), "raise,lower");
});

onceTest(
  "a change of the configuration changes ConfigGeneration; it sets both interrupt bits, as in QEMU",
  () => {
    const { r } = running(["virtio-serial-device,x-size=80x25", "virtconsole,chardev=c0"], 1, 1);
    assertEquals([r.mmio.read(0xfc, 4), r.mmio.read(0x60, 4)], [0, 0]);
    (r.device as VirtioSerial).resize(100, 40);
    assertEquals([r.mmio.read(0xfc, 4), r.mmio.read(0x60, 4)], [1, 3]);
  },
);

onceTest("QueueReady 0 reads back, and the device goes on with the queue all the same, as QEMU", () => {
  const { r, w } = running(["virtio-rng-device"]);
  w(0x44, 0);
  assertEquals(r.mmio.read(0x44, 4), 0);
  give(r, 0);
  assertEquals(r.used(0x1000).length, 1);
});

onceTest(
  "QueueReset: with RING_RESET the queue starts anew; QueueReset and QueueReady read 0 at once",
  () => {
    const { r, w } = running(["virtio-rng-device"], 0x101);
    const both = () => [r.mmio.read(0xc0, 4), r.mmio.read(0x44, 4)];
    give(r, 0);
    assertEquals([r.used(0x1000).length, ...both()], [1, 0, 1]);
    w(0xc0, 1);
    assertEquals(both(), [0, 0]);
    r.ram.fill(0, 0x1000, 0x4000);
    give(r, 0);
    assertEquals(r.used(0x1000), [], "it is not enabled");
    r.ram.fill(0, 0x1000, 0x4000);
    enable(w, 0x1000, 4);
    assertEquals(both(), [0, 1]);
    give(r, 0);
    assertEquals(r.used(0x1000), [{ id: 0, len: 8 }]);
    w(0xc0, 1);
    w(0x70, 0);
    assertEquals(both(), [0, 0]);
  },
);
