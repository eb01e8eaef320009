import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IndexAlloc } from "../../../../drivers/virtio/virtqueue/mod.ts";

Deno.test("all indices once, then none, then the freed ones again (Hermit's own test)", () => {
  for (const length of [0, 1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 255, 256, 257, 32768]) {
    const ids = new IndexAlloc(length);
    for (let i = 0; i < length; i++) assertEquals(ids.allocate(), i);
    assertEquals([ids.allocate(), ids.free], [-1, 0]);
    for (let i = length - 1; i >= length >> 1; i--) ids.deallocate(i);
    for (let i = length >> 1; i < length; i++) assertEquals(ids.allocate(), i);
    assertEquals(ids.allocate(), -1);
  }
});

Deno.test("always the lowest free index", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.nat(200)), (length, ops) => {
    const ids = new IndexAlloc(length);
    const free = new Set(Array.from({ length }, (_, i) => i));
    for (const op of ops) {
      if (op < 120) {
        const lowest = free.size === 0 ? -1 : Math.min(...free);
        assertEquals(ids.allocate(), lowest);
        free.delete(lowest);
      } else if (op - 120 < length && !free.has(op - 120)) {
        ids.deallocate(op - 120);
        free.add(op - 120);
      }
      assertEquals(ids.free, free.size);
    }
    assertEquals(ids.list(), [...free].sort((a, b) => a - b));
  }));
});
