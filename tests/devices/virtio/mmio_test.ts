import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { VirtioMmio } from "../../../devices/virtio/mod.ts";
import { bytesOf, reference, Rig } from "./_rig.ts";

const words = (argv: string[]) =>
  argv.filter((_, i) => argv[i - 1] === "-device").map((w) => w.replace(",bus=virtio-mmio-bus.0", ""));

for (const file of ["mmio-virtio-rng", "mmio-virtio-serial-virtconsole", "mmio-virtio-net"]) {
  for (const [variant, ref] of Object.entries<ReturnType<typeof reference>>(reference(file).variants)) {
    Deno.test(`${file}, ${variant}: registers`, () => {
      const { mmio } = new Rig(words(ref.qemu_argv), ref.identity.version === 1);
      for (const [offset, value] of Object.entries(ref.registers_readl_0x000_0x0fc)) {
        assertEquals(mmio.read(Number(offset), 4), Number(value), offset);
      }
      const features = [0, 1, 2, 3].map((i) => {
        mmio.write(0x14, 4, i);
        return "0x" + mmio.read(0x10, 4).toString(16).padStart(8, "0");
      });
      assertEquals(features, ref.device_features.words_by_select_0_to_3);
      let queues = 0;
      for (let i = 0; i < 1024; i++) {
        mmio.write(0x30, 4, i);
        if (mmio.read(0x34, 4) !== 0) queues++;
        assertEquals(mmio.read(0x34, 4), i < ref.queue_num_max_count ? 1024 : 0);
      }
      assertEquals(queues, ref.queue_num_max_count);
      const config = Uint8Array.from({ length: 256 }, (_, i) => mmio.read(0x100 + i, 1));
      assertEquals(config, bytesOf(ref.config_bytes_hex));
    });
  }
}

Deno.test("an empty slot: magic, version and vendor, device id 0", () => {
  const { ctx } = new Rig([]);
  const slot = new VirtioMmio("virtio-mmio-bus.1", false, ctx);
  assertEquals([0, 4, 8, 12, 0x34, 0x100].map((at) => slot.read(at, 4)), [
    0x74726976,
    2,
    0,
    0x554d4551,
    0,
    0,
  ]);
  slot.write(0x70, 4, 15);
  assertEquals(slot.read(0x70, 4), 0);
});

/** Negotiates and sets queue 0 up at 0x1000 on a rng. */
function running(): Rig {
  const r = new Rig(["virtio-rng-device"]);
  const w = (at: number, value: number) => r.mmio.write(at, 4, value);
  w(0x70, 0);
  w(0x70, 3);
  w(0x24, 1);
  w(0x20, 1);
  w(0x24, 0);
  w(0x20, 0x3000_0000);
  w(0x70, 11);
  w(0x30, 0);
  w(0x38, 8);
  for (const [i, at] of [0x1000, 0x2000, 0x3000].entries()) {
    w(0x80 + 16 * i, at);
    w(0x84 + 16 * i, 0);
  }
  w(0x44, 1);
  w(0x70, 15);
  r.run();
  return r;
}

Deno.test("a queue is driven by registers: notify by value, ISR acknowledged bit by bit", () => {
  const r = running();
  assertEquals([r.mmio.read(0x44, 4), r.mmio.read(0x70, 4)], [1, 15]);
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.mmio.write(0x50, 4, 1);
  r.run();
  assertEquals(r.used(0x1000), [], "queue 1 does not exist");
  r.mmio.write(0x50, 4, 0);
  r.run();
  assertEquals(r.used(0x1000), [{ id: 0, len: 64 }]);
  assertEquals([r.mmio.read(0x60, 4), r.line.join()], [1, "raise"]);
  r.mmio.write(0x64, 4, 1);
  assertEquals([r.mmio.read(0x60, 4), r.line.join()], [0, "raise,lower"]);
  r.mmio.write(0x70, 4, 0);
  assertEquals([r.mmio.read(0x44, 4), r.mmio.read(0x70, 4)], [0, 0]);
});

Deno.test("accesses that are not 32 bits wide read 0 and write nothing", () => {
  const r = running();
  assertEquals([r.mmio.read(0x70, 1), r.mmio.read(0, 2)], [0, 0]);
  r.mmio.write(0x70, 1, 0);
  assertEquals(r.mmio.read(0x70, 4), 15);
});

Deno.test("random register programs never throw, on either version", () => {
  const step = fc.record({
    at: fc.oneof(fc.integer({ min: 0, max: 0x1ff }), fc.integer({ min: 0, max: 0x40 }).map((n) => 4 * n)),
    value: fc.oneof(fc.constantFrom(0, 1, 3, 7, 8, 11, 15, 0x1000, 0xf_fff0), fc.nat(0xffff_ffff)),
    width: fc.constantFrom(1, 2, 4),
    write: fc.boolean(),
  });
  fc.assert(fc.property(fc.boolean(), fc.array(step, { maxLength: 80 }), (legacy, steps) => {
    const r = legacy ? new Rig(["virtio-serial-device", "virtconsole,chardev=c0"], true) : running();
    for (const s of steps) {
      if (s.write) r.mmio.write(s.at, s.width, s.value);
      else assert(r.mmio.read(s.at, s.width) < 2 ** (8 * s.width));
      r.ctx.events.advance(60);
    }
  }));
});
