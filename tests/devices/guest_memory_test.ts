import { assertEquals } from "@std/assert";
import { GuestMemory } from "../../devices/guest_memory.ts";
import type { TraceEvent } from "../../spec/mod.ts";

const two = () =>
  new GuestMemory([{ base: 0, bytes: new Uint8Array(0x1000) }, {
    base: 0x1_0000_0000,
    bytes: new Uint8Array(0x1000),
  }]);

Deno.test("guest memory: little-endian, every width, in each region", () => {
  const memory = two();
  for (const base of [0x10, 0x1_0000_0010]) {
    memory.writeU32(base, 0x89ab_cdef);
    assertEquals([0, 1, 2, 3].map((i) => memory.readU8(base + i)), [0xef, 0xcd, 0xab, 0x89]);
    assertEquals(memory.readU32(base), 0x89ab_cdef);
    memory.writeU16(base, 0x1234);
    memory.writeU8(base + 3, 0x77);
    assertEquals(memory.readU32(base), 0x77ab_1234);
    assertEquals(memory.readU16(base + 2), 0x77ab);
  }
  assertEquals(memory.regions[0].bytes[0x10], 0x34);
  assertEquals(memory.regions[1].bytes[0x10], 0x34);
});

Deno.test("guest memory: outside reads zeros, swallows writes, and hurts nobody", () => {
  const memory = two();
  for (const at of [-4, 0xffe, 0x1000, 0xffff_fffe, 0x1_0000_0ffe, 2 ** 53, 2 ** 64]) {
    memory.writeU32(at, 0xffff_ffff);
    assertEquals(memory.readU32(at), 0, String(at));
    assertEquals(memory.covers(at, 4), false);
  }
  assertEquals(memory.regions.every((r) => r.bytes.every((b) => b === 0)), true);
  assertEquals(new GuestMemory([]).readU8(0), 0);
});

Deno.test("guest memory: a copy over an edge takes the bytes that exist", () => {
  const memory = two();
  memory.regions[0].bytes.fill(1);
  const target = new Uint8Array(64).fill(9);
  memory.readBytes(0x1000 - 40, target);
  assertEquals([...target], [...Array(40).fill(1), ...Array(24).fill(0)]);
  memory.writeBytes(0x1_0000_0000 - 8, new Uint8Array(40).fill(7));
  assertEquals([...memory.regions[1].bytes.subarray(0, 33)], [...Array(32).fill(7), 0]);
});

Deno.test("guest memory: addresses as two int32 halves", () => {
  const memory = two();
  assertEquals(memory.locate(0xff0, 0, 16), 0xff0);
  assertEquals(memory.locate(0xff1, 0, 16), -1);
  assertEquals(memory.locate(8, 1, 16), 8);
  assertEquals(memory.current.byteLength, 0x1000);
  assertEquals(memory.coversSplit(-16, -1, 32), false);
  assertEquals(memory.coversSplit(-1, 0, 1), false);
  assertEquals(memory.coversSplit(0, 1, 0x1000), true);
  assertEquals(memory.coversSplit(0, 1, 0x1001), false);
});

Deno.test("guest memory: one bounce buffer of a page for what is not RAM", () => {
  const memory = two();
  assertEquals(memory.takeBounce(0x100, 16), true);
  assertEquals(memory.takeBounce(0x5000, 4097), false);
  assertEquals(memory.takeBounce(0xff0, 64), true);
  assertEquals(memory.takeBounce(0x5000, 1), false);
  memory.releaseBounce();
  assertEquals(memory.takeBounce(0x5000, 4096), true);
});

Deno.test("guest memory: writes are traced, reads are not", () => {
  const events: TraceEvent[] = [];
  const memory = new GuestMemory([{ base: 0x2000, bytes: new Uint8Array(64) }], {
    on: true,
    emit: (e) => void events.push(e),
  });
  memory.writeU16(0x2002, 0xbeef);
  memory.writeBytes(0x2010, Uint8Array.of(1, 2, 3));
  memory.readU32(0x2000);
  assertEquals(events, [
    { ev: "mem_write", by: "device", addr: 0x2002, hex: "efbe" },
    { ev: "mem_write", by: "device", addr: 0x2010, hex: "010203" },
  ]);
});
