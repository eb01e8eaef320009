import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { COMMON, DEVICE, ISR, MSIX_BAR, NOTIFY, Rig } from "./_rig.ts";

/** A running rng, its queue at 0x1000, and three chains of 64 bytes at 0x8000, 0x8100, 0x8200. */
function running(props = ""): Rig {
  const r = new Rig([`virtio-rng-pci${props}`]).enable().negotiate().queue(0, 0x1000);
  r.status = 15;
  r.run();
  for (const i of [0, 1, 2]) r.desc(0x1000 + 16 * i, 0x8000 + 0x100 * i, 64, 2, 0);
  return r;
}

Deno.test("every waiting chain is filled from the machine's generator, with one interrupt", () => {
  const r = running();
  for (const i of [0, 1, 2]) r.avail(0x1000, i, i);
  r.notify(0);
  assertEquals(r.used(0x1000), [0, 1, 2].map((id) => ({ id, len: 64 })));
  const bytes = r.ram.subarray(0x8000, 0x8040);
  assert(bytes.some((b) => b !== 0) && bytes.toHex() !== r.ram.subarray(0x8100, 0x8140).toHex());
  assertEquals(r.ram.subarray(0x8040, 0x8100).every((b) => b === 0), true);
  assertEquals([r.line.join(), r.read(ISR, 1)], ["raise", 1]);
  const again = running();
  for (const i of [0, 1, 2]) again.avail(0x1000, i, i);
  again.notify(0);
  assertEquals(again.ram.subarray(0x8000, 0x8300), r.ram.subarray(0x8000, 0x8300), "same seed, same bytes");
});

Deno.test("max-bytes cuts the last chain short; the rest waits for the next period", () => {
  const r = running(",max-bytes=100,period=10");
  for (const i of [0, 1, 2]) r.avail(0x1000, i, i);
  r.notify(0);
  assertEquals(r.used(0x1000), [{ id: 0, len: 64 }, { id: 1, len: 36 }]);
  r.notify(0);
  assertEquals(r.used(0x1000).length, 2);
  r.ctx.events.advance(10e6);
  assertEquals(r.used(0x1000)[2], { id: 2, len: 64 });
});

Deno.test("a device acts after the latency, not inside the register access, and once for many notifications", () => {
  const r = running();
  r.avail(0x1000, 0, 0);
  r.write(NOTIFY, 2, 0);
  r.write(NOTIFY, 2, 0);
  r.ctx.events.advance(99);
  assertEquals(r.used(0x1000), []);
  r.ctx.events.advance(1);
  assertEquals(r.used(0x1000).length, 1);
  assertEquals(r.ctx.events.next, undefined);
  assertEquals(r.events.filter((e) => e.ev === "notify").length, 2);
});

Deno.test("buffers made available before DRIVER_OK are filled when it is written", () => {
  const r = new Rig(["virtio-rng-pci"]).enable().negotiate().queue(0, 0x1000);
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.notify(0);
  assertEquals(r.used(0x1000), []);
  r.status = 15;
  r.run();
  assertEquals(r.used(0x1000).length, 1);
});

Deno.test("queue areas that run out of RAM: NEEDS_RESET, no exception", () => {
  const rig = () => new Rig(["virtio-rng-pci"]).enable().negotiate();
  assertEquals(rig().queue(0, 0x7fff_f000).status, 11, "an area that starts elsewhere is empty, as in QEMU");
  const r = rig();
  r.queue(0, r.ram.length - 16);
  assertEquals(r.status, 75);
  r.status = 79;
  r.notify(0);
  assertEquals(r.read(ISR, 1), 0);
});

Deno.test("iommu_platform=on refuses FEATURES_OK from a driver that does not accept it", () => {
  const r = new Rig(["virtio-rng-pci,disable-legacy=on,iommu_platform=on"]).enable().negotiate(0, 1);
  assertEquals(r.status, 3);
  assertEquals(r.negotiate(0, 3).status, 11);
});

Deno.test("random register programs never throw, whatever they write where", () => {
  const window = fc.constantFrom(COMMON, ISR, DEVICE, NOTIFY, MSIX_BAR);
  const offset = fc.oneof(fc.integer({ min: 0, max: 0x48 }), fc.integer({ min: 0, max: 0xfff }));
  const value = fc.oneof(
    fc.constantFrom(0, 1, 2, 3, 4, 7, 8, 11, 15, 64, 0xffff, 0xffff_ffff, 0x1000, 0x2000, 0xf_f000),
    fc.nat(0xffff_ffff),
  );
  const width = fc.constantFrom(1, 2, 4);
  const access = fc.record({ window, offset, value, width, write: fc.boolean() });
  const config = fc.record({ offset: fc.integer({ min: 0, max: 0xff }), value, width });
  const memory = fc.record({ at: fc.integer({ min: 0x1000, max: 0x3fff }), byte: fc.nat(255) });
  const step = fc.oneof(
    { weight: 6, arbitrary: access },
    { weight: 2, arbitrary: config },
    { weight: 2, arbitrary: memory },
  );
  const device = fc.constantFrom("virtio-rng-pci,packed=on,in_order=on", "virtio-serial-pci,x-size=80x25");
  fc.assert(
    fc.property(
      device,
      fc.array(step, { maxLength: 60 }),
      fc.array(step, { maxLength: 30 }),
      (d, before, after) => {
        const r = new Rig([d, ...(d.includes("serial") ? ["virtconsole,chardev=c0"] : [])]).enable();
        const run = (steps: typeof before) => {
          for (const s of steps) {
            if ("at" in s) r.ram[s.at] = s.byte;
            else if (!("window" in s)) r.setCfg(s.offset, s.width, s.value);
            else if (s.write) r.write(s.window + s.offset, s.width, s.value);
            else {
              const read = r.read(s.window + s.offset, s.width);
              assert(read >= 0 && read < 2 ** (8 * s.width), "a read fits its width");
            }
            r.ctx.events.advance(50);
          }
          r.run();
        };
        run(before);
        r.enable().negotiate(0x3000_0007, d.includes("packed") ? 0xd : 1).queue(0, 0x1000);
        r.status = 15;
        run(after);
      },
    ),
    { numRuns: 300 },
  );
});
