import { assertEquals, assertThrows } from "@std/assert";
import { machineOf, recorder, redirection, route } from "./support.ts";

const COM1 = { serial: ["c0"], chardevs: [{ backend: "ringbuf" as const, id: "c0", props: {} }] };
const R = { DATA: 0x3f8, IER: 0x3f9, IIR: 0x3fa, LCR: 0x3fb, MCR: 0x3fc, LSR: 0x3fd, MSR: 0x3fe, SCR: 0x3ff };
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("COM1 after reset reads as QEMU's does over qtest: LSR 0x60, IIR 1, MSR 0xb0; absent without -serial", () => {
  const m = machineOf(COM1);
  assertEquals([m.portRead(R.LSR, 1), m.portRead(R.IIR, 1), m.portRead(R.MSR, 1)], [0x60, 1, 0xb0]);
  const without = machineOf();
  assertEquals([without.portRead(R.LSR, 1), without.portRead(R.SCR, 1)], [0xff, 0xff]);
  const off = machineOf({ ...COM1, machine: "microvm", machineProps: { "isa-serial": "off" } });
  assertEquals(off.portRead(R.LSR, 1), 0xff);
});

Deno.test("COM1 sends, and the divisor latch hides data and interrupt enable", () => {
  const trace = recorder();
  const m = machineOf(COM1, { trace });
  m.portWrite(R.LCR, 1, 0x83);
  m.portWrite(R.DATA, 1, 3);
  m.portWrite(R.IER, 1, 0);
  assertEquals([m.portRead(R.DATA, 1), m.portRead(R.IER, 1)], [3, 0]);
  m.portWrite(R.LCR, 1, 3);
  m.portWrite(R.DATA, 1, 0x41);
  m.portWrite(R.SCR, 1, 0x5a);
  assertEquals(m.portRead(R.SCR, 1), 0x5a);
  assertEquals(trace.events.filter((e) => e.ev === "output"), [{ ev: "output", chardev: "c0", hex: "41" }]);
});

Deno.test("COM1 receives through its FIFO: interrupt 4 at the trigger level, time-out below it, no byte lost", () => {
  const m = machineOf(COM1);
  route(m, 4, 0x34);
  m.portWrite(R.IIR, 1, 0x41);
  m.portWrite(R.IER, 1, 1);
  m.input("c0", bytes("abc"));
  assertEquals([m.portRead(R.IIR, 1), m.takeInterrupt()], [0xc1, -1], "three bytes, trigger level 4");
  m.idle();
  assertEquals([m.portRead(R.IIR, 1), m.takeInterrupt()], [0xcc, 0x34], "character time-out");
  m.input("c0", bytes("defghijklmnopqrstuvw"));
  let text = "";
  while ((m.portRead(R.LSR, 1) & 1) !== 0) text += String.fromCharCode(m.portRead(R.DATA, 1));
  assertEquals(text, "abcdefghijklmnopqrstuvw");
  assertEquals(m.portRead(R.IIR, 1), 0xc1);
  assertEquals(m.portRead(R.LSR, 1) & 2, 0, "no overrun");
});

Deno.test("COM1 tells that it can send, once: reading IIR takes it back", () => {
  const m = machineOf(COM1);
  m.portWrite(R.IER, 1, 2);
  assertEquals([m.portRead(R.IIR, 1), m.portRead(R.IIR, 1)], [2, 1]);
  m.portWrite(R.DATA, 1, 0x41);
  assertEquals([m.portRead(R.IIR, 1), m.portRead(R.IIR, 1)], [2, 1]);
});

Deno.test("COM1 in loop back receives what it sends, and nothing from the host", () => {
  const m = machineOf(COM1);
  m.portWrite(R.MCR, 1, 0x1e);
  assertEquals(m.portRead(R.MSR, 1), 0xd0, "DCD, RI, CTS: the test that Hermit's serial driver may do");
  m.input("c0", bytes("z"));
  m.portWrite(R.DATA, 1, 0xae);
  assertEquals([m.portRead(R.DATA, 1), m.portRead(R.LSR, 1) & 1], [0xae, 0]);
  m.portWrite(R.MCR, 1, 0x0f);
  assertEquals(m.portRead(R.DATA, 1), 0x7a, "it waited");
});

Deno.test("isa-debug-exit: the status is (v << 1) | 1, reads are 0, and the machine ends once", () => {
  const exit = (props: Record<string, string>) =>
    machineOf({ devices: [{ driver: "isa-debug-exit", props, index: 0 }] });
  const m = exit({ iobase: "0xf4", iosize: "0x04" });
  assertEquals(m.portRead(0xf4, 4), 0);
  m.portWrite(0xf4, 4, 1);
  m.portWrite(0xf4, 4, 5);
  assertEquals(m.exitCode, 3);
  assertEquals(m.idle(), undefined, "an ended machine does not wait");
  const standard = exit({});
  standard.portWrite(0x503, 1, 0);
  assertEquals(standard.exitCode, undefined, "past 0x501 and its 2 ports");
  standard.portWrite(0x502, 1, 0);
  assertEquals(standard.exitCode, 1);
  assertThrows(() => exit({ iobas: "1" }), Error, "'iobas' is not supported (possible: iobase, iosize");
  assertThrows(() => exit({ iobase: "0x10000" }), Error, "iobase: '0x10000'");
});

Deno.test("a serial port without its chardev, and two devices on one chardev, are errors that name it", () => {
  assertThrows(
    () => machineOf({ serial: ["c1"], chardevs: COM1.chardevs }),
    Error,
    "c1: there is no such chardev (possible: c0)",
  );
  assertThrows(() => machineOf({ ...COM1, serial: ["c0", "c0"] }), Error, "'c0' is in use");
});

Deno.test("an unused interrupt line stays as it was", () => {
  const m = machineOf(COM1);
  m.input("c0", bytes("a"));
  assertEquals(redirection(m, 4), 0x1_0000);
});
