import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { InterruptError, Interrupts } from "../../arch/interrupts.ts";
import { FakePlatform } from "../support/fake_platform.ts";

const INTX = { trigger: "level", polarity: "low" } as const;
const ISA = { trigger: "edge", polarity: "high" } as const;

function setUp(apics = 1) {
  const platform = new FakePlatform(0x20_0000, apics);
  for (let line = 0; line < 24 * apics; line++) platform.setLine(line, true);
  const interrupts = new Interrupts(platform);
  interrupts.init();
  return { platform, interrupts };
}

Deno.test("init masks every line and enables the local APIC", () => {
  const { platform, interrupts } = setUp();
  assert(platform.lapicEnabled);
  assert(platform.apics[0].low.every((entry) => (entry & 0x1_0000) !== 0));
  assertEquals(interrupts.lineCount, 24);
});

Deno.test("PCI INTx is programmed level and active low, ISA edge and active high", () => {
  const { platform, interrupts } = setUp();
  interrupts.installLine(11, INTX, "pci", () => {});
  interrupts.installLine(4, ISA, "com1", () => {});
  // 82093AA: vector, bit 13 polarity low, bit 15 level.
  assertEquals(platform.apics[0].low[11], 0xa02b);
  assertEquals(platform.apics[0].low[4], 0x0024);
  assertEquals(platform.apics[0].high[11], 0);
});

Deno.test("a level line that stays asserted comes again after the EOI, one that was quietened does not", () => {
  const { platform, interrupts } = setUp();
  let work = 3, runs = 0;
  interrupts.installLine(11, INTX, "pci", () => {
    runs++;
    if (--work === 0) platform.setLine(11, true);
  });
  platform.setLine(11, false);
  assertEquals(interrupts.poll(), 3);
  assertEquals([runs, platform.endOfInterrupts, interrupts.spurious], [3, 3, 0]);
  platform.setLine(11, false);
  work = 1;
  assertEquals(interrupts.poll(), 1);
});

Deno.test("a shared line asks every handler and counts for those that claim", () => {
  const { platform, interrupts } = setUp();
  interrupts.installLine(10, INTX, "a", () => false);
  interrupts.installLine(10, INTX, "b", () => platform.setLine(10, true));
  platform.setLine(10, false);
  interrupts.poll();
  assertEquals(interrupts.statistics(), [
    { line: 10, vector: 42, name: "a", count: 0 },
    { line: 10, vector: 42, name: "b", count: 1 },
  ]);
  assertThrows(() => interrupts.installLine(10, ISA, "c", () => {}), InterruptError, "a, b");
  assertThrows(() => interrupts.installLine(24, INTX, "c", () => {}), InterruptError, "line 24 (0 to 23)");
});

Deno.test("a level line that nobody claims is switched off and reported", () => {
  const { platform, interrupts } = setUp();
  const trouble: string[] = [];
  interrupts.onTrouble = (m) => trouble.push(m);
  interrupts.installLine(10, INTX, "net", () => false);
  platform.setLine(10, false);
  assertEquals(interrupts.poll(), 1000);
  assertEquals(interrupts.poll(), 0);
  assertEquals(interrupts.spurious, 1000);
  assertStringIncludes(trouble[0], "line 10 (net): 1000 interrupts that no handler claimed");
});

Deno.test("a storm of claimed interrupts ends the poll and is reported once", () => {
  const { platform, interrupts } = setUp();
  const trouble: string[] = [];
  interrupts.onTrouble = (m) => trouble.push(m);
  interrupts.installLine(10, INTX, "stuck", () => {});
  platform.setLine(10, false);
  assertEquals([interrupts.poll(), interrupts.poll()], [1000, 1000]);
  assertEquals(trouble.length, 1);
  assertStringIncludes(trouble[0], "vector 42, stuck");
  assertEquals(interrupts.storms, 2);
});

Deno.test("messages: lowest free vector from 64, up to 239, given back", () => {
  const { platform, interrupts } = setUp();
  let hits = 0;
  assertEquals(interrupts.allocateVector("config", () => hits++), 64);
  assertEquals(interrupts.allocateVector("queue 0", () => {}), 65);
  platform.pending.add(64);
  assertEquals([interrupts.poll(), hits], [1, 1]);
  interrupts.freeVector(64);
  assertThrows(() => interrupts.freeVector(64), InterruptError, "vector 64");
  assertEquals(interrupts.allocateVector("again", () => {}), 64);
  for (let v = 66; v <= 239; v++) assertEquals(interrupts.allocateVector("x", () => {}), v);
  assertThrows(() => interrupts.allocateVector("one too many", () => {}), InterruptError, "one too many");
});

Deno.test("microvm's second IOAPIC has lines 24 to 47, and messages start above them", () => {
  const { platform, interrupts } = setUp(2);
  platform.setLine(40, false);
  let ran = false;
  interrupts.installLine(40, ISA, "virtio-mmio", () => void (ran = true));
  assertEquals(platform.apics[1].low[16], 72);
  assertEquals(interrupts.allocateVector("msi", () => {}), 80);
  platform.setLine(40, true);
  interrupts.poll();
  assert(ran);
});

Deno.test("spurious vectors: 255 wants no EOI, an unknown one does", () => {
  const { platform, interrupts } = setUp();
  platform.pending.add(255).add(200);
  assertEquals(interrupts.poll(), 2);
  assertEquals([interrupts.spurious, platform.endOfInterrupts], [2, 1]);
});

Deno.test("a handler that throws still gets its EOI", () => {
  const { platform, interrupts } = setUp();
  interrupts.allocateVector("bad", () => {
    throw new RangeError("driver");
  });
  platform.pending.add(64);
  assertThrows(() => interrupts.poll(), RangeError);
  assertEquals(platform.endOfInterrupts, 1);
});
