import { assertEquals, assertThrows } from "@std/assert";
import { AddressSpace } from "../../../devices/bus.ts";
import { PciBus, PciFunction } from "../../../devices/pci/mod.ts";

const IDS = { vendor: 0x8086, device: 0x29c0, revision: 2, classCode: 0x060000 };
const handler = (name: string) => ({ name, read: (offset: number) => offset, write: () => {} });

function setup() {
  const memory = new AddressSpace(), ports = new AddressSpace();
  const bus = new PciBus(memory, ports);
  const fn = new PciFunction("fn", { ...IDS, interruptPin: 1 });
  fn.addBar(0, "io", 64, false, handler("io"));
  fn.addBar(2, "mem64", 0x4000, true, handler("mem"));
  bus.add(fn, 3);
  const w = (offset: number, width: number, value: number) => bus.configWrite(0, 3, 0, offset, width, value);
  const r = (offset: number, width = 4) => bus.configRead(0, 3, 0, offset, width);
  return { memory, ports, bus, fn, w, r };
}

Deno.test("nothing answers with all ones: other slots, buses, offsets past the space", () => {
  const { bus, r } = setup();
  assertEquals(bus.configRead(0, 4, 0, 0, 4), 0xffff_ffff);
  assertEquals(bus.configRead(1, 3, 0, 0, 2), 0xffff);
  assertEquals([r(0x100), r(0)], [0xffff_ffff, 0x29c0_8086]);
});

Deno.test("a slot is taken once, and the error says by whom", () => {
  const { bus } = setup();
  const other = new PciFunction("other", IDS);
  assertThrows(() => bus.add(other, 3), Error, "00:03.0 is taken by fn");
  assertThrows(() => bus.add(other, 32), Error, "slots 0 to 31");
  assertEquals([bus.freeSlot(), bus.freeSlot(3)], [1, 4]);
});

Deno.test("read-only registers stay, writable bytes change one by one", () => {
  const { w, r } = setup();
  w(0, 4, 0);
  w(6, 2, 0xffff);
  w(0x3c, 4, 0xffff_ffff);
  w(0x0c, 4, 0xffff_ffff);
  assertEquals([r(0), r(6, 2), r(0x3c), r(0x0c)], [0x29c0_8086, 0, 0x1ff, 0xff]);
  w(5, 1, 0xff);
  assertEquals(r(4, 2), 0x500);
});

Deno.test("sizing, moving and switching windows", () => {
  const { memory, ports, w, r } = setup();
  w(4, 2, 3);
  w(0x10, 4, 0xffff_ffff);
  w(0x18, 4, 0xffff_ffff);
  assertEquals([r(0x10), r(0x18), r(0x1c)], [0xffff_ffc1, 0xffff_c00c, 0]);
  w(0x10, 4, 0xc001);
  w(0x18, 4, 0xfe00_0000);
  assertEquals([ports.read(0xc005, 1), memory.read(0xfe00_0123, 4)], [5, 0x123]);
  w(0x18, 4, 0xfd00_0000);
  assertEquals([memory.at(0xfe00_0000), memory.read(0xfd00_0008, 4)], [undefined, 8]);
  w(4, 2, 2);
  assertEquals([ports.at(0xc000), memory.at(0xfd00_0000) !== undefined], [undefined, true]);
  w(0x18, 4, 0);
  assertEquals(memory.at(0), undefined, "address 0 is not decoded");
});

Deno.test("a machine reset takes windows, registers and the interrupt line back", () => {
  const { memory, fn, w, r, bus } = setup();
  const line: boolean[] = [];
  fn.intx = { set: (level) => void line.push(level) };
  w(4, 2, 2);
  w(0x18, 4, 0xfe00_0000);
  fn.setIntx(true);
  bus.reset();
  assertEquals([r(4, 2), r(6, 2), r(0x18), memory.at(0xfe00_0000)], [0, 0, 12, undefined]);
  assertEquals(line, [true, false]);
});
