import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { DeviceHeap, type IndirectTable } from "../../mm/device_heap.ts";
import { rig } from "../drivers/virtio/virtqueue/support.ts";

Deno.test("first fit in units of 16 bytes, as the golden traces place indirect tables", () => {
  const { alloc, heap } = rig("split");
  const base = alloc.allocate(1, "probe");
  base.free();
  const a = heap.allocate(64, "a"), b = heap.allocate(16, "b"), c = heap.allocate(33, "c");
  assertEquals([a.phys - a.phys, b.phys - a.phys, c.phys - a.phys], [0, 64, 80]);
  assertEquals(heap.used, 128);
  heap.free(a);
  const d = heap.allocate(32, "d"), e = heap.allocate(48, "e");
  assertEquals([d.phys - a.phys, e.phys - a.phys], [0, 128], "48 bytes do not fit in the 32 that are left");
  assertEquals(heap.allocate(32, "f").phys - a.phys, 32);
});

Deno.test("freed twice or foreign is an error; pages go back", () => {
  const { alloc, heap } = rig("split");
  const before = alloc.live().length;
  const a = heap.allocate(16, "a");
  const big = heap.allocate(3 * 4096, "big");
  assertEquals(alloc.live().length, before + 2);
  heap.free(a);
  for (
    const bad of [() => heap.free(a), () => new DeviceHeap(alloc).free(big), () => heap.allocate(0, "none")]
  ) {
    let name = "none";
    try {
      bad();
    } catch (error) {
      name = (error as Error).name;
    }
    assertEquals(name, "AllocError");
  }
  heap.free(big);
  heap.release();
  assertEquals(alloc.live().length, before);
});

Deno.test("addresses above 4 GiB are two halves", () => {
  const { heap } = rig("split", { base: 0x1_8000_0000 });
  const table = heap.allocate(16, "high");
  assertEquals([table.physHi, table.physLo >>> 0], [1, table.phys - 2 ** 32]);
});

Deno.test("tables never overlap", () => {
  fc.assert(fc.property(fc.array(fc.nat({ max: 600 }), { maxLength: 80 }), (ops) => {
    const { heap } = rig("split");
    const live: IndirectTable[] = [];
    for (const op of ops) {
      if (op % 3 === 0 && live.length > 0) heap.free(live.splice(op % live.length, 1)[0]);
      else {
        const table = heap.allocate(op + 1, "model");
        for (const other of live) {
          const apart = table.phys + table.length <= other.phys || other.phys + other.length <= table.phys;
          assertEquals(apart, true);
        }
        live.push(table);
      }
    }
    assertEquals(heap.used, live.reduce((sum, t) => sum + Math.ceil(t.length / 16) * 16, 0));
  }));
});
