import { assertEquals } from "@std/assert";
import { AddressSpace } from "../../../devices/bus.ts";
import { type BarKind, PciBar } from "../../../devices/pci/bar.ts";

const handler = { name: "test", read: () => 0, write: () => {} };

Deno.test("all ones in a register that decodes map nothing: a driver is sizing it (QEMU's pci_bar_address)", () => {
  const spaces = [new AddressSpace(), new AddressSpace()] as const;
  for (const [kind, size] of [["io", 32], ["mem32", 4096], ["mem64", 16384]] as [BarKind, number][]) {
    const bar = new PciBar(0, kind, size, false, handler);
    bar.update(0xffff_ffff, 0xffff_ffff, true, ...spaces);
    assertEquals(bar.address, undefined, kind);
    bar.update(0, 0, true, ...spaces);
    assertEquals(bar.address, undefined, kind);
    const [low, high] = kind === "io" ? [0xc001, 0] : [0xe000_0000, 0];
    bar.update(low, high, true, ...spaces);
    assertEquals(bar.address, low - (low % 2), kind);
    bar.update(low, high, false, ...spaces);
    assertEquals(bar.address, undefined, kind);
  }
  // The very top of 32 bits is not decoded either; the top of the ports is.
  const mem32 = new PciBar(0, "mem32", 4096, false, handler);
  mem32.update(0xffff_f000, 0, true, ...spaces);
  assertEquals(mem32.address, undefined);
  const io = new PciBar(0, "io", 32, false, handler);
  io.update(0xffff_ffe1, 0, true, ...spaces);
  assertEquals(io.address, undefined);
  io.update(0xffe1, 0, true, ...spaces);
  assertEquals(io.address, 0xffe0);
});
