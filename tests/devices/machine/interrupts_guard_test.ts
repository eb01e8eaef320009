import { assertEquals } from "@std/assert";
import {
  endOfInterrupt,
  LAPIC,
  LEVEL_LOW,
  machineOf,
  read32,
  redirection,
  route,
  write32,
} from "./support.ts";

const REMOTE_IRR = 0x4000;

Deno.test("a level line in service is not sent again because another pin fires (82093AA: remote IRR)", () => {
  const m = machineOf();
  route(m, 20, 0x50 | LEVEL_LOW);
  route(m, 4, 0x61);
  m.ioapic.line(20).set(true);
  assertEquals(m.takeInterrupt(), 0x50);
  m.ioapic.line(4).set(true);
  assertEquals(m.takeInterrupt(), 0x61);
  m.ioapic.line(20).set(false);
  endOfInterrupt(m);
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), -1);
});

Deno.test("the trigger mode of a vector is that of its last message, and only level ends at the IOAPIC (Intel SDM 3A, 11.8.4)", () => {
  const m = machineOf();
  route(m, 21, 0x41 | LEVEL_LOW);
  const tmr = () => read32(m, LAPIC + 0x180 + 0x10 * (0x41 >> 5));
  m.ioapic.line(21).set(true);
  assertEquals([m.takeInterrupt(), tmr()], [0x41, 2]);
  // The same vector as a message: edge.
  write32(m, LAPIC, 0x41);
  assertEquals(tmr(), 0);
  m.ioapic.line(21).set(false);
  endOfInterrupt(m);
  assertEquals(redirection(m, 21), 0x41 | LEVEL_LOW | REMOTE_IRR, "QEMU's apic_eoi looks at TMR");
});
