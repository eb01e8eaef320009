import { assertEquals, assertThrows } from "@std/assert";
import { scanBus } from "../../drivers/pci.ts";
import { intxLine } from "../../drivers/pci/routing.ts";
import { PciError } from "../../drivers/virtio/error.ts";
import { FakeFunction, FakePlatform, testContext } from "./support/fake_platform.ts";

const NOTHING = { read: () => 0, write: () => {} };

function scanned(...functions: FakeFunction[]) {
  const platform = new FakePlatform();
  platform.functions.push(...functions);
  const ctx = testContext(platform);
  return { platform, ctx, scan: scanBus(ctx) };
}

Deno.test("functions above 0 are looked for only where the header says so", () => {
  const single = new FakeFunction(0x8086, 1, 2);
  const hidden = new FakeFunction(0x8086, 2, 2, 1);
  const multi = new FakeFunction(0x8086, 3, 31);
  multi.cfg.setUint8(0x0e, 0x80);
  const seventh = new FakeFunction(0x8086, 4, 31, 7);
  const { scan } = scanned(single, hidden, multi, seventh);
  assertEquals(scan.devices.map((d) => d.name), ["00:02.0", "00:1f.0", "00:1f.7"]);
});

Deno.test("BARs are sized with decoding off, and registers and COMMAND are as before", () => {
  const fn = new FakeFunction(1, 2, 3);
  fn.ioBar(0, 0x20);
  fn.memoryBar(1, 0x1000, NOTHING);
  fn.memoryBar(2, 0x4000, NOTHING, true, true);
  fn.memoryBar(4, 2 ** 33, NOTHING, true);
  fn.cfg.setUint32(0x10, 0xc041, true);
  fn.cfg.setUint32(0x14, 0xfebf_1000, true);
  fn.cfg.setUint32(0x18, 0x0000_400c, true);
  fn.cfg.setUint32(0x1c, 0x0000_0080, true);
  fn.cfg.setUint16(4, 0x107 & 0x407, true);
  const before = new Uint8Array(fn.cfg.buffer.slice(0));
  const { scan } = scanned(fn);
  assertEquals(scan.devices[0].bars(), [
    { index: 0, kind: "io", address: 0xc040, size: 0x20, prefetchable: false },
    { index: 1, kind: "memory32", address: 0xfebf_1000, size: 0x1000, prefetchable: false },
    { index: 2, kind: "memory64", address: 0x80_0000_4000, size: 0x4000, prefetchable: true },
    { index: 4, kind: "memory64", address: 0, size: 2 ** 33, prefetchable: false },
  ]);
  assertEquals(fn.barWritesWhileDecoding, 0);
  assertEquals(new Uint8Array(fn.cfg.buffer), before);
});

Deno.test("BARs without address get one, around those that have one", () => {
  const owner = new FakeFunction(1, 2, 3);
  owner.memoryBar(0, 0x1000, NOTHING);
  owner.cfg.setUint32(0x10, 0xe000_0000, true);
  const fn = new FakeFunction(1, 2, 4);
  fn.ioBar(0, 0x20);
  fn.memoryBar(1, 0x100, NOTHING);
  fn.memoryBar(2, 0x4000, NOTHING, true, true);
  fn.memoryBar(4, 2 ** 33, NOTHING, true, true);
  const { scan } = scanned(owner, fn);
  scan.devices[1].assignBars(scan.bars);
  assertEquals(
    scan.devices[1].bars().map((b) => b.address),
    [0xc000, 0xe000_1000, 0xe000_4000, 0x80_0000_0000],
  );
  assertEquals(fn.address(4), 0x80_0000_0000);
  assertEquals(fn.cfg.getUint16(4, true), 0x407);
  assertEquals(fn.barWritesWhileDecoding, 0);
});

Deno.test("a full window is an error that names function and BAR", () => {
  const fn = new FakeFunction(1, 2, 4);
  fn.memoryBar(3, 2 ** 30, NOTHING);
  const { scan } = scanned(fn);
  assertThrows(() => scan.devices[0].assignBars(scan.bars), PciError, "00:04.0: no memory32 space for BAR3");
});

function withCaps(first: number, next: Record<number, [id: number, next: number]>): FakeFunction {
  const fn = new FakeFunction(1, 2, 5);
  fn.cfg.setUint16(6, 0x10, true);
  fn.cfg.setUint8(0x34, first);
  for (const [at, [id, n]] of Object.entries(next)) {
    fn.cfg.setUint8(Number(at), id);
    fn.cfg.setUint8(Number(at) + 1, n);
  }
  return fn;
}

Deno.test("capabilities come in the order of the list, reserved pointer bits masked", () => {
  const fn = withCaps(0x83, { 0x80: [9, 0x41], 0x40: [0x11, 0xfc], 0xfc: [5, 0] });
  const { scan } = scanned(fn);
  assertEquals(scan.devices[0].capabilities(), [
    { id: 9, offset: 0x80 },
    { id: 0x11, offset: 0x40 },
    { id: 5, offset: 0xfc },
  ]);
});

Deno.test("broken capability lists are PciErrors", () => {
  const loop = withCaps(0x40, { 0x40: [9, 0x50], 0x50: [9, 0x40] });
  const header = withCaps(0x40, { 0x40: [9, 0x10] });
  const none = new FakeFunction(1, 2, 5);
  for (
    const [fn, kind, message] of [
      [loop, "BadCapPtr", "comes back to 0x40"],
      [header, "BadCapPtr", "the capability pointer at 0x41 is 0x10"],
      [none, "NoCapPtr", "has no capability list"],
    ] as const
  ) {
    const error = assertThrows(
      () => scanned(fn).scan.devices[0].capabilities(),
      PciError,
      message,
    ) as PciError;
    assertEquals(error.kind, kind);
  }
});

Deno.test("INTx pins of q35: slots 1 to 8 raise 21, 22, 23, 20 and again (seen on QEMU 7.2)", () => {
  const lines = [1, 2, 3, 4, 5, 6, 7, 8].map((device) => intxLine("q35", { bus: 0, device, function: 0 }, 1));
  assertEquals(lines, [21, 22, 23, 20, 21, 22, 23, 20]);
  assertEquals(intxLine("q35", { bus: 0, device: 1, function: 0 }, 4), 20);
  assertEquals(intxLine("q35", { bus: 0, device: 31, function: 2 }, 1), 16);
  assertEquals(intxLine("somewhere", { bus: 0, device: 1, function: 0 }, 1), undefined);
});

Deno.test("INTERRUPT_LINE is written as firmware would, and only where there is a pin", () => {
  const fn = new FakeFunction(1, 2, 2);
  fn.cfg.setUint8(0x3d, 1);
  const without = new FakeFunction(1, 2, 3);
  const { scan } = scanned(fn, without);
  assertEquals(scan.devices.map((d) => d.interruptLine()), [22, undefined]);
});

Deno.test("on pc the PIIX3's routes are set, and lines follow them", () => {
  const platform = new FakePlatform();
  platform.machine = "pc";
  const host = new FakeFunction(0x8086, 0x1237, 0);
  const isa = new FakeFunction(0x8086, 0x7000, 1);
  const written: [number, number, number][] = [];
  const write = isa.write.bind(isa);
  isa.write = (offset, width, value) => {
    written.push([offset, width, value]);
    write(offset, width, value);
  };
  const nic = new FakeFunction(1, 2, 3);
  nic.cfg.setUint8(0x3d, 1);
  const next = new FakeFunction(1, 2, 4);
  next.cfg.setUint8(0x3d, 1);
  platform.functions.push(host, isa, nic, next);
  const scan = scanBus(testContext(platform));
  assertEquals(written[0], [0x60, 4, 0x0b0a_0b0a]);
  assertEquals(scan.devices.slice(2).map((d) => d.interruptLine()), [10, 11]);
});
