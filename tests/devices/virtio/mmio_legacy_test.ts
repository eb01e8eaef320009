import { assertEquals } from "@std/assert";
import { Rig } from "./_rig.ts";
import { onceTest } from "../../support/once.ts";

// Registers of virtio 1.4, 4.2.4.
const FEATURES = 0x20,
  FEATURES_SEL = 0x24,
  PAGE_SIZE = 0x28,
  SEL = 0x30,
  NUM = 0x38,
  ALIGN = 0x3c,
  PFN = 0x40;
const NOTIFY = 0x50, STATUS = 0x70;
const QUEUE = 0x1000, BUFFER = 0x8000;

/** A driver of a version 1 transport, up to DRIVER_OK; its queue of 8 is at 0x1000. */
function started(align = 4096, page = 4096): Rig {
  const r = new Rig(["virtio-rng-device"], true);
  const write = (at: number, value: number) => r.mmio.write(at, 4, value);
  for (const status of [0, 1, 3]) write(STATUS, status);
  write(PAGE_SIZE, page);
  write(SEL, 0);
  write(NUM, 8);
  write(ALIGN, align);
  write(PFN, QUEUE / page);
  write(STATUS, 7);
  return r;
}
/** Offers a buffer of 64 bytes as entry 0; gives index and length of the used ring at `used`. */
function ask(r: Rig, used: number): number[] {
  r.desc(QUEUE, BUFFER, 64, 2, 0);
  r.dram.setUint16(QUEUE + 128 + 2, 1, true);
  r.mmio.write(NOTIFY, 4, 0);
  r.run();
  return [r.dram.getUint16(used + 2, true), r.dram.getUint32(used + 8, true)];
}

onceTest("a driver of version 1 gets entropy, and an interrupt", () => {
  const r = started();
  assertEquals(ask(r, 0x2000), [1, 64]);
  assertEquals([r.mmio.read(PFN, 4), r.mmio.read(0x60, 4), r.line.join()], [1, 1, "raise"]);
  r.mmio.write(0x64, 4, 1);
  assertEquals([r.mmio.read(0x60, 4), r.line.join()], [0, "raise,lower"]);
});

onceTest(
  "the used ring begins at the next multiple of QueueAlign; 8 entries of the available ring end at 148",
  () => {
    assertEquals(ask(started(4), QUEUE + 148), [1, 64]);
    assertEquals(ask(started(64), QUEUE + 192), [1, 64]);
  },
);

onceTest("QueueAlign 0 changes nothing", () => {
  const r = started(64);
  r.mmio.write(ALIGN, 4, 0);
  assertEquals(ask(r, QUEUE + 192), [1, 64]);
});

onceTest("QueueNum and QueueAlign that follow QueuePFN move the rings", () => {
  const r = started(64);
  r.mmio.write(ALIGN, 4, 1024);
  assertEquals(ask(r, QUEUE + 1024), [1, 64]);
});

onceTest("GuestPageSize is the unit of QueuePFN", () => {
  const r = started(4096, 256);
  assertEquals([r.mmio.read(PFN, 4), ask(r, 0x2000)], [16, [1, 64]]);
  r.mmio.write(PAGE_SIZE, 4, 0);
  assertEquals(r.mmio.read(PFN, 4), QUEUE, "0 counts as 1");
});

onceTest("QueuePFN 0 resets the device; QueueAlign stays", () => {
  const r = started(64);
  r.mmio.write(PFN, 4, 0);
  assertEquals([r.mmio.read(STATUS, 4), r.mmio.read(PFN, 4)], [0, 0]);
  r.mmio.write(PFN, 4, 1);
  r.mmio.write(STATUS, 4, 7);
  assertEquals(ask(r, QUEUE + 192), [1, 64]);
});

onceTest("features are taken at once, and of word 0 only", () => {
  const r = started();
  r.mmio.write(FEATURES_SEL, 4, 1);
  r.mmio.write(FEATURES, 4, 0xffff_ffff);
  assertEquals(r.device.guestFeatures, 0n);
  r.mmio.write(FEATURES_SEL, 4, 0);
  r.mmio.write(FEATURES, 4, 0xffff_ffff);
  // NOTIFY_ON_EMPTY, ANY_LAYOUT, INDIRECT_DESC and EVENT_IDX: the golden register dump has 0x39000000.
  assertEquals(r.device.guestFeatures, 0x3900_0000n);
});

onceTest("version 2 does not have these registers, nor version 1 those of version 2", () => {
  const old = started();
  old.mmio.write(0x80, 4, 0x5000);
  old.mmio.write(0x44, 4, 1);
  assertEquals([old.mmio.read(0x44, 4), old.mmio.read(PFN, 4), ask(old, 0x2000)], [0, 1, [1, 64]]);
  const r = new Rig(["virtio-rng-device"]);
  r.mmio.write(PFN, 4, 1);
  assertEquals([r.mmio.read(PFN, 4), r.device.queues[0].desc], [0, 0]);
  assertEquals([old.mmio.regName(PFN), r.mmio.regName(PFN)], ["queue_pfn", undefined]);
});
