import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { RamDeviceMemory } from "../../arch/device_memory.ts";
import { AllocError, DeviceAlloc, FrameAlloc, PageRangeAllocator, VirtualAlloc } from "../../mm/mod.ts";
import { FakePlatform } from "../support/fake_platform.ts";

const P = 4096;

Deno.test("frames come from usable memory above 1 MiB; a reserved entry wins", () => {
  const platform = new FakePlatform(0x40_0000);
  assertEquals(new FrameAlloc(platform.memoryMap).freeRanges(), [{ start: 0x10_0000, end: 0x40_0000 }]);
  const frames = new FrameAlloc([
    { base: 0x20_0800, length: 0x1_0000, kind: "usable" },
    { base: 0, length: 0x18_0000, kind: "usable" },
    { base: 0x17_0000, length: 0x2_0000, kind: "usable" },
    { base: 0x12_0001, length: 1, kind: "reserved" },
  ]);
  assertEquals(frames.freeRanges(), [
    { start: 0x10_0000, end: 0x12_0000 },
    { start: 0x12_1000, end: 0x19_0000 },
    { start: 0x20_1000, end: 0x21_0000 },
  ]);
  assertEquals(frames.totalBytes(), 0x2_0000 + 0x6_f000 + 0xf000);
  assertThrows(
    () => new FrameAlloc([{ base: 0, length: 0x10_0000, kind: "usable" }]),
    AllocError,
    "above 1 MiB",
  );
});

Deno.test("first fit, alignment, allocateAt, joining", () => {
  const pages = new PageRangeAllocator("pages");
  pages.add(P, 64 * P);
  assertEquals([pages.allocate(2 * P), pages.allocate(P), pages.allocate(P, 16 * P)], [P, 3 * P, 16 * P]);
  pages.free(P, 2 * P);
  assertEquals(pages.allocate(P), P);
  pages.allocateAt(40 * P, 4 * P);
  assertThrows(() => pages.allocateAt(43 * P, 2 * P), AllocError, "0x2b000 to 0x2d000 is not free");
  pages.free(P, P);
  pages.free(3 * P, P);
  pages.free(40 * P, 4 * P);
  pages.free(16 * P, P);
  assertEquals(pages.freeRanges(), [{ start: P, end: 64 * P }]);
  assertEquals(pages.largestFree(), 63 * P);
});

Deno.test("what cannot be given or taken back is refused", () => {
  const pages = new PageRangeAllocator("frames");
  pages.add(0, 8 * P);
  assertThrows(() => pages.free(0, P), AllocError, "freed twice");
  const at = pages.allocate(4 * P);
  pages.free(at, 2 * P);
  assertThrows(() => pages.free(at, 4 * P), AllocError, "freed twice");
  assertThrows(() => pages.free(8 * P, P), AllocError, "does not belong here");
  assertThrows(() => pages.free(7 * P, 2 * P), AllocError, "does not belong here");
  assertThrows(() => pages.free(100, P), AllocError, "not the start of a page");
  assertThrows(() => pages.allocate(100), AllocError, "not whole pages");
  assertThrows(() => pages.allocate(0), AllocError, "not whole pages");
  assertThrows(() => pages.allocate(P, 3 * P), AllocError, "align");
  assertThrows(() => pages.allocate(7 * P), AllocError, "largest piece 0x4000");
  assertThrows(() => pages.add(4 * P, 16 * P), AllocError, "managed already");
  assertEquals(pages.freeBytes(), 6 * P);
});

Deno.test("virtual pages: from 2^46 to the end of the lower half", () => {
  const pages = new VirtualAlloc();
  assertEquals(pages.allocate(P), 2 ** 46);
  assertEquals(pages.totalBytes(), 2 ** 46);
  pages.allocateAt(2 ** 47 - P, P);
  assertThrows(() => pages.allocateAt(2 ** 47, P), AllocError);
});

Deno.test("random allocations against a plain set of pages", () => {
  const N = 64;
  const op = fc.record({
    kind: fc.constantFrom("allocate", "at", "free"),
    start: fc.integer({ min: 0, max: N + 2 }),
    count: fc.integer({ min: 1, max: 12 }),
    align: fc.constantFrom(1, 2, 8),
  });
  fc.assert(fc.property(fc.array(op, { maxLength: 80 }), (ops) => {
    const pages = new PageRangeAllocator("model");
    pages.add(0, N * P);
    const free = new Set(Array.from({ length: N }, (_, i) => i));
    const all = (from: number, count: number, test: (page: number) => boolean) =>
      Array.from({ length: count }, (_, i) => from + i).every(test);
    for (const { kind, start, count, align } of ops) {
      if (kind === "allocate") {
        let want = 0;
        while (want + count <= N && !all(want, count, (p) => free.has(p))) want += align;
        if (want + count > N) assertThrows(() => pages.allocate(count * P, align * P), AllocError);
        else {
          assertEquals(pages.allocate(count * P, align * P), want * P);
          for (let i = 0; i < count; i++) free.delete(want + i);
        }
        continue;
      }
      const ok = all(start, count, (p) => p < N && free.has(p) === (kind === "at"));
      const act = () =>
        kind === "at" ? pages.allocateAt(start * P, count * P) : pages.free(start * P, count * P);
      if (!ok) assertThrows(act, AllocError);
      else {
        act();
        for (let i = 0; i < count; i++) kind === "at" ? free.delete(start + i) : free.add(start + i);
      }
    }
    assertEquals(pages.freeBytes(), free.size * P);
    const ranges = pages.freeRanges();
    assertEquals(ranges.reduce((n, r) => n + r.end - r.start, 0), free.size * P);
    for (let i = 1; i < ranges.length; i++) assert(ranges[i].start > ranges[i - 1].end);
  }));
});

function device(offset = 0, poison?: number) {
  const platform = new FakePlatform();
  const memory = new RamDeviceMemory(0, platform.ram[0].bytes);
  const frames = new FrameAlloc(platform.memoryMap);
  return { memory, frames, alloc: new DeviceAlloc(memory, frames, offset, poison) };
}

for (const offset of [0, 2 ** 45]) {
  Deno.test(`device memory at offset ${offset}: zeroed, contiguous, translated`, () => {
    const { memory, frames, alloc } = device(offset);
    memory.fill(0x10_0000, 3 * P, 0xee);
    const before = frames.freeBytes();
    const buffer = alloc.allocate(P + 1, "rng queue 0 desc");
    assertEquals(buffer.phys, 0x10_0000);
    assertEquals(buffer.virt, 0x10_0000 + offset);
    assertEquals(alloc.physAddrFrom(buffer.virt), buffer.phys);
    assertEquals([memory.readU8(0x10_0fff), memory.readU8(0x10_1fff), memory.readU8(0x10_2000)], [
      0,
      0,
      0xee,
    ]);
    assertEquals(before - frames.freeBytes(), 2 * P);
    buffer.free();
    assertEquals(frames.freeBytes(), before);
  });
}

Deno.test("device memory: freed twice, foreign, left over, poisoned, `using`", () => {
  const { memory, alloc, frames } = device(0, 0xa5);
  const a = alloc.allocate(10, "a"), b = alloc.allocate(10, "b");
  a.free();
  assertEquals(memory.readU8(a.offset + P - 1), 0xa5);
  assertThrows(() => a.free(), AllocError, "a: memory at 0x100000 is not allocated");
  const c = alloc.allocate(10, "c");
  assertThrows(() => alloc.free(a), AllocError, "belongs to c");
  assertThrows(() => alloc.free(device().alloc.allocate(1, "foreign")), AllocError, "foreign");
  assertEquals(alloc.live().map((x) => x.owner), ["c", "b"]);
  {
    using gone = alloc.allocate(1, "gone");
    assert(alloc.isLive(gone));
  }
  assertEquals(alloc.live().length, 2);
  b.free();
  c.free();
  assertEquals(frames.freeBytes(), frames.totalBytes());
  assertThrows(() => alloc.allocate(0, "none"), AllocError, "none: cannot allocate 0 bytes");
});

Deno.test("frames beyond the memory that devices see are refused and given back", () => {
  const frames = new FrameAlloc([{ base: 0x100_0000, length: 2 * P, kind: "usable" }]);
  const alloc = new DeviceAlloc(new RamDeviceMemory(0, new Uint8Array(P)), frames);
  assertThrows(() => alloc.allocate(1, "x"), AllocError, "frames at 0x1000000 are outside");
  assertEquals(frames.freeBytes(), 2 * P);
});
