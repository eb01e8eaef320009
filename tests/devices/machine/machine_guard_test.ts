import { assertEquals } from "@std/assert";
import { PirqRouter } from "../../../devices/machine/pirq.ts";
import { cfgRead, cfgWrite, machineOf, read32 } from "./support.ts";

Deno.test("lines that are wired together stay up while any of them asserts", () => {
  const levels: boolean[] = [];
  const router = new PirqRouter(4, () => 2, (pirq) => void levels.push(router.level(pirq)));
  const [a, b, c] = [1, 2, 3].map((slot) => router.line(slot));
  for (const line of [a, b, c]) line.set(true);
  assertEquals(levels, [true, true, true]);
  for (const line of [a, c, b]) line.set(false);
  assertEquals(levels.slice(3), [true, true, false]);
  assertEquals([0, 1, 2, 3].map((pirq) => router.level(pirq)), [false, false, false, false]);
});

Deno.test("q35: PCIEXBAR's length field is 256, 128 or 64 buses, and aligns the base (Intel 3 Series MCH datasheet)", () => {
  // The host bridge's ids are at the base; of a bus without functions all bits are ones; unmapped reads 0.
  for (const [field, buses] of [[0, 256], [1, 128], [2, 64]]) {
    const m = machineOf();
    const size = buses << 20;
    const base = 0xd000_0000;
    const aligned = base - base % size;
    cfgWrite(m, 0, 0, 0x60, 4, (base | field << 1 | 1) >>> 0);
    assertEquals(read32(m, aligned), cfgRead(m, 0, 0, 0));
    assertEquals(read32(m, aligned + size - 4096), 0xffff_ffff);
    if (aligned + size < 0xe000_0001) assertEquals(read32(m, aligned + size), 0);
  }
});

Deno.test("COM1: the trigger levels are 1, 4, 8 and 14 bytes (16550, FIFO control register)", () => {
  const COM1 = { serial: ["c0"], chardevs: [{ backend: "ringbuf" as const, id: "c0", props: {} }] };
  for (const [fcr, level] of [[0x01, 1], [0x41, 4], [0x81, 8], [0xc1, 14]]) {
    const m = machineOf(COM1);
    m.portWrite(0x3fa, 1, fcr);
    m.portWrite(0x3f9, 1, 1);
    m.input("c0", new Uint8Array(level - 1));
    assertEquals(m.portRead(0x3fa, 1), 0xc1, `${level - 1} bytes`);
    m.input("c0", new Uint8Array(1));
    assertEquals(m.portRead(0x3fa, 1), 0xc4, `${level} bytes`);
  }
});
