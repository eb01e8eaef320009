import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { physAddr, type VirtAddr, virtAddr } from "../../arch/addresses.ts";
import { RamDeviceMemory } from "../../arch/device_memory.ts";
import { PageFlag, PageSize, PageTables, PagingError } from "../../arch/paging.ts";
import { AllocError } from "../../mm/device_alloc.ts";
import { FrameAlloc } from "../../mm/physicalmem.ts";

const { Base, Large, Huge } = PageSize;
const W = PageFlag.Writable;

function setUp(bytes = 0x20_0000) {
  const memory = new RamDeviceMemory(0, new Uint8Array(bytes));
  const frames = new FrameAlloc([{ base: 0, length: bytes, kind: "usable" }]);
  return { memory, frames, tables: new PageTables(memory, frames) };
}
const kind = (fn: () => unknown) => assertThrows(fn, PagingError).kind;

Deno.test("a 4 KiB page: the bytes of all four levels", () => {
  const { memory, tables } = setUp();
  // Indices 1, 2, 3, 4 and 5, as Intel's figure 4-8 cuts an address.
  const virt = virtAddr(1 * 2 ** 39 + 2 * 2 ** 30 + 3 * 2 ** 21 + 4 * 2 ** 12);
  tables.map(virt, physAddr(0x12_3456_7000), Base, (W | PageFlag.NoExecute) >>> 0);
  assertEquals(tables.root, 0x10_0000);
  assertEquals(memory.readU32(0x10_0000 + 8), 0x10_1003);
  assertEquals(memory.readU32(0x10_1000 + 16), 0x10_2003);
  assertEquals(memory.readU32(0x10_2000 + 24), 0x10_3003);
  assertEquals(memory.readU32(0x10_3000 + 32), 0x3456_7003);
  assertEquals(memory.readU32(0x10_3000 + 36), 0x8000_0012);
  assertEquals(tables.virtualToPhysical(virtAddr(virt + 5)), 0x12_3456_7005);
  const steps = tables.walk(virtAddr(virt + 5));
  assertEquals(steps.map((s) => [s.name, s.table, s.index]), [
    ["PML4", 0x10_0000, 1],
    ["PDPT", 0x10_1000, 2],
    ["PD", 0x10_2000, 3],
    ["PT", 0x10_3000, 4],
  ]);
  assertEquals(steps[3], {
    level: 1,
    name: "PT",
    table: physAddr(0x10_3000),
    index: 4,
    entry: 0x8000_0012_3456_7003n,
    flags: ["PRESENT", "WRITABLE", "NO_EXECUTE"],
    pageSize: 4096,
    target: physAddr(0x12_3456_7005),
  });
});

Deno.test("2 MiB and 1 GiB pages end the walk early; a user page opens the tables above it", () => {
  const { memory, tables } = setUp();
  tables.map(virtAddr(Huge), physAddr(3 * Huge), Huge, PageFlag.User);
  tables.map(virtAddr(2 * Huge), physAddr(Large), Large, W, 2);
  assertEquals(tables.virtualToPhysical(virtAddr(Huge + 0x1234_5678)), 3 * Huge + 0x1234_5678);
  assertEquals(tables.virtualToPhysical(virtAddr(2 * Huge + Large + 7)), 2 * Large + 7);
  assertEquals(tables.walk(virtAddr(Huge)).at(-1)!.pageSize, Huge);
  assertEquals(tables.walk(virtAddr(2 * Huge)).at(-1)!.pageSize, Large);
  assertEquals(memory.readU32(0x10_0000) & 7, 7);
  assertEquals(tables.tablePages, 3);
});

Deno.test("errors name the addresses and change nothing", () => {
  const { tables, frames } = setUp();
  tables.map(virtAddr(Large), physAddr(0x7000), Base, W);
  tables.map(virtAddr(2 * Large), physAddr(0), Large, W);
  const before = [...tables.mappings()], free = frames.freeBytes();
  assertThrows(
    () => tables.map(virtAddr(Large), physAddr(0x8000), Base, W),
    PagingError,
    "map 0x200000: already mapped to 0x7000",
  );
  assertEquals(kind(() => tables.map(virtAddr(Large - Base), physAddr(0), Base, W, 2)), "AlreadyMapped");
  assertEquals(kind(() => tables.map(virtAddr(Large), physAddr(0), Large, W)), "AlreadyMapped");
  assertEquals(kind(() => tables.map(virtAddr(2 * Large + Base), physAddr(0), Base, W)), "LargerPage");
  assertEquals(kind(() => tables.map(virtAddr(0x800), physAddr(0), Base, W)), "Misaligned");
  assertEquals(kind(() => tables.map(virtAddr(0), physAddr(Base), Large, W)), "Misaligned");
  assertEquals(kind(() => tables.map(2 ** 47 as VirtAddr, physAddr(0), Base, W)), "NonCanonical");
  assertEquals(kind(() => tables.map(2 ** 47 - Base as VirtAddr, physAddr(0), Base, W, 2)), "NonCanonical");
  assertEquals(kind(() => tables.map(virtAddr(0), physAddr(2 ** 52 - Base), Base, W, 2)), "OutOfRange");
  assertEquals(kind(() => tables.map(virtAddr(0), physAddr(0), Base, PageFlag.Huge)), "BadArgument");
  assertEquals(kind(() => tables.map(virtAddr(0), physAddr(0), Base, W, 0)), "BadArgument");
  assertEquals(kind(() => tables.map(virtAddr(0), physAddr(0), 8192 as 4096, W)), "BadArgument");
  assertEquals(kind(() => tables.unmap(virtAddr(0), Base)), "NotMapped");
  assertEquals(kind(() => tables.unmap(virtAddr(Large), Base, 2)), "NotMapped");
  assertEquals(kind(() => tables.unmap(virtAddr(2 * Large), Base)), "OtherSize");
  assertEquals(kind(() => tables.virtualToPhysical(-1 as VirtAddr)), "NonCanonical");
  assertEquals(kind(() => tables.walk(2 ** 48 as VirtAddr)), "NonCanonical");
  assertEquals([...tables.mappings()], before);
  assertEquals(frames.freeBytes(), free);
});

Deno.test("identityMap: largest pages that fit, again is fine, a conflict is not", () => {
  const { tables } = setUp();
  tables.identityMap(physAddr(Large - Base), 2 * Large);
  assertEquals([...tables.mappings()].map((m) => [m.virt, m.phys, m.size]).slice(0, 3), [
    [Large - Base, Large - Base, Base],
    [Large, Large, Large],
    [2 * Large, 2 * Large, Base],
  ]);
  const pages = tables.tablePages;
  tables.identityMap(physAddr(Large - Base), 2 * Large);
  assertEquals(tables.tablePages, pages);
  // Registers: parts of a page are whole pages, a page shared by two devices is mapped once.
  tables.identityMap(physAddr(0xfeb0_0e00), 0x200);
  tables.identityMap(physAddr(0xfeb0_0c00), 0x200);
  assertEquals(tables.virtualToPhysical(virtAddr(0xfeb0_0000)), 0xfeb0_0000);
  tables.map(virtAddr(0x1000_0000), physAddr(0x5000), Base, W);
  assertThrows(
    () => tables.identityMap(physAddr(0x0fff_f000), 0x3000),
    PagingError,
    "identity map 0x10000000: already mapped to 0x5000",
  );
  assertEquals(tables.virtualToPhysical(virtAddr(0x0fff_f000)), undefined);
  assertEquals(kind(() => tables.identityMap(physAddr(0), 0)), "BadArgument");
});

Deno.test("no frame for a table: nothing is left half mapped", () => {
  const { tables, frames } = setUp(0x10_4000);
  assertEquals(frames.freeBytes(), 3 * 4096);
  // Two page tables under one directory need four frames; there are three.
  assertThrows(() => tables.map(virtAddr(Large - Base), physAddr(0), Base, W, 2), AllocError);
  assertEquals([...tables.mappings()], []);
  assertEquals([tables.tablePages, frames.freeBytes()], [1, 3 * 4096]);
});

Deno.test("identity mapping 64 MiB is quick", () => {
  const { tables } = setUp();
  const warm = setUp().tables;
  for (let i = 0; i < 50; i++) warm.identityMap(physAddr(i * 2 ** 26), 2 ** 26);
  const start = performance.now();
  tables.identityMap(physAddr(0), 2 ** 26);
  assert(performance.now() - start < 5);
  assertEquals(tables.tablePages, 3);
});

Deno.test("random maps and unmaps against a plain map, and every frame comes back", () => {
  // Pages of 4 KiB in two regions of 2 MiB, and the regions as one page.
  const step = fc.record({
    op: fc.constantFrom("map", "unmap"),
    large: fc.boolean(),
    page: fc.integer({ min: 0, max: 1023 }),
    count: fc.integer({ min: 1, max: 600 }),
    phys: fc.integer({ min: 0, max: 2 ** 20 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { tables, frames } = setUp();
      const free = frames.freeBytes();
      const model = new Map<number, { phys: number; size: number }>();
      for (const s of steps) {
        const size = s.large ? Large : Base;
        const count = s.large ? 1 : s.count;
        const virt = s.large ? Math.floor(s.page / 512) * Large : s.page * Base;
        const phys = s.phys * size;
        const covered: number[] = [];
        for (let v = virt; v < virt + size * count; v += Base) covered.push(v);
        const ok = s.op === "map"
          ? covered.every((v) => !model.has(v))
          : covered.every((v) => model.get(v)?.size === size);
        const act = () =>
          s.op === "map"
            ? tables.map(virtAddr(virt), physAddr(phys), size, W, count)
            : tables.unmap(virtAddr(virt), size, count);
        if (!ok) {
          assertThrows(act, PagingError);
          continue;
        }
        act();
        for (const v of covered) {
          if (s.op === "map") model.set(v, { phys: phys + v - virt, size });
          else model.delete(v);
        }
      }
      for (let v = 0; v < 4 * Large; v += Base) {
        const found = tables.virtualToPhysical(virtAddr(v + 9));
        assertEquals(found, model.has(v) ? model.get(v)!.phys + 9 : undefined);
      }
      for (const m of [...tables.mappings()]) tables.unmap(m.virt, m.size);
      assertEquals([tables.tablePages, frames.freeBytes()], [1, free]);
    }),
    { numRuns: 40 },
  );
});
