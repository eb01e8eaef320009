import { assertEquals } from "@std/assert";
import {
  endOfInterrupt,
  IOAPIC,
  LAPIC,
  LEVEL_LOW,
  machineOf,
  read32,
  recorder,
  redirection,
  route,
  write32,
} from "./support.ts";

const MASKED = 0x1_0000;
const REMOTE_IRR = 0x4000;

Deno.test("an IOAPIC after reset: version 0x20 with 24 pins, all masked, read-only bits stay (seen over qtest)", () => {
  const m = machineOf();
  write32(m, IOAPIC, 1);
  assertEquals(read32(m, IOAPIC + 0x10), 0x0017_0020);
  for (let pin = 0; pin < 24; pin++) assertEquals(redirection(m, pin), MASKED);
  write32(m, IOAPIC, 0x10);
  write32(m, IOAPIC + 0x10, 0xffff_ffff);
  assertEquals(read32(m, IOAPIC + 0x10), 0xffff_afff);
});

Deno.test("a level line that stays up raises its vector again after the end of interrupt, and not before", () => {
  const m = machineOf();
  route(m, 21, 0x41 | LEVEL_LOW);
  const line = m.ioapic.line(21);
  line.set(true);
  assertEquals(redirection(m, 21), 0x41 | LEVEL_LOW | REMOTE_IRR);
  assertEquals(m.takeInterrupt(), 0x41);
  assertEquals(m.takeInterrupt(), -1);
  line.set(true);
  assertEquals(m.takeInterrupt(), -1, "still in service");
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), 0x41, "still asserted");
  line.set(false);
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), -1);
  assertEquals(redirection(m, 21), 0x41 | LEVEL_LOW);
});

Deno.test("a level line asserted while masked is delivered when unmasked, an edge is lost", () => {
  const m = machineOf();
  route(m, 20, 0x50 | LEVEL_LOW | MASKED);
  route(m, 5, 0x51 | MASKED);
  m.ioapic.line(20).set(true);
  m.ioapic.line(5).set(true);
  route(m, 5, 0x51);
  assertEquals(m.takeInterrupt(), -1);
  route(m, 20, 0x50 | LEVEL_LOW);
  assertEquals(m.takeInterrupt(), 0x50);
});

Deno.test("an edge line delivers once and needs no end of interrupt at the IOAPIC", () => {
  const m = machineOf();
  route(m, 4, 0x34);
  const line = m.ioapic.line(4);
  line.set(true);
  assertEquals(m.takeInterrupt(), 0x34);
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), -1);
  line.set(false);
  line.set(true);
  assertEquals(m.takeInterrupt(), 0x34);
});

Deno.test("ISA interrupt 0 arrives at pin 2", () => {
  const m = machineOf();
  route(m, 2, 0x32);
  m.ioapic.line(0).set(true);
  assertEquals(m.takeInterrupt(), 0x32);
});

Deno.test("the local APIC: highest vector first, nested only by a higher class, held by the task priority", () => {
  const m = machineOf();
  write32(m, LAPIC + 0xf0, 0x1ff);
  const send = (vector: number) =>
    m.context.sendMsi(m.msiMessage(vector).address, m.msiMessage(vector).data, "test");
  send(0x45);
  send(0x52);
  assertEquals(read32(m, LAPIC + 0x220), 0x0004_0020, "IRR bits 0x45 and 0x52");
  assertEquals(m.takeInterrupt(), 0x52);
  assertEquals(m.takeInterrupt(), -1, "0x45 is of a lower class than what is in service");
  send(0x5f);
  assertEquals(m.takeInterrupt(), -1, "the same class");
  send(0x60);
  assertEquals(m.takeInterrupt(), 0x60);
  endOfInterrupt(m);
  endOfInterrupt(m);
  write32(m, LAPIC + 0x80, 0x50);
  assertEquals(m.takeInterrupt(), -1, "task priority 0x50 holds back class 5");
  write32(m, LAPIC + 0x80, 0);
  assertEquals([m.takeInterrupt(), m.takeInterrupt()], [0x5f, -1]);
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), 0x45);
});

Deno.test("nothing is taken while the local APIC is off (spurious vector register bit 8), and nothing is lost", () => {
  const m = machineOf();
  const { address, data } = m.msiMessage(0x77);
  m.context.sendMsi(address, data, "test");
  assertEquals(m.takeInterrupt(), -1);
  write32(m, LAPIC + 0xf0, 0x1ff);
  assertEquals(m.takeInterrupt(), 0x77);
});

Deno.test("a message for another CPU is lost, one to an address in RAM is a plain write", () => {
  const trace = recorder();
  const m = machineOf({}, { trace });
  write32(m, LAPIC + 0xf0, 0x1ff);
  m.context.sendMsi(LAPIC + 0x3000, 0x41, "test");
  assertEquals(m.takeInterrupt(), -1);
  m.context.sendMsi(LAPIC + 0xf_f000, 0x42, "test");
  assertEquals(m.takeInterrupt(), 0x42);
  m.context.sendMsi(0x2000, 0x1234_5678, "test");
  assertEquals(read32(m, 0x2000), 0x1234_5678);
  assertEquals(trace.events.filter((e) => e.ev === "msi").length, 3);
  assertEquals(trace.events.filter((e) => e.ev === "interrupt"), [{ ev: "interrupt", vector: 0x42 }]);
});

Deno.test("microvm's second IOAPIC has lines 24 to 47 in traces and reaches the same CPU", () => {
  const trace = recorder();
  const m = machineOf({ machine: "microvm" }, { trace });
  assertEquals(m.ioapics.length, 2);
  route(m, 23, 0x61 | LEVEL_LOW, 0xfec1_0000);
  m.ioapics[1].line(23, "dev").set(true);
  assertEquals(m.takeInterrupt(), 0x61);
  assertEquals(trace.events.find((e) => e.ev === "irq_line"), {
    ev: "irq_line",
    line: 47,
    level: true,
    dev: "dev",
  });
  m.ioapics[1].line(23).set(false);
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), -1);
});
